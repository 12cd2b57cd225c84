import type { DnnScalerError } from '../../errors.ts';

/** What became of one request, as its server or the way there decided it. */
export type LoadOutcome =
  | { readonly kind: 'answered' }
  /** Turned away by a server that has too much to do: HTTP 429 or 503. */
  | { readonly kind: 'shed'; readonly error: DnnScalerError }
  | {
      readonly kind: 'failed';
      /** Of a small closed set, for counting. */
      readonly reason: string;
      readonly error: DnnScalerError;
      /** True when the server finds the request itself wrong, so that all like it will fail. */
      readonly isRefusal: boolean;
    };

/** Where load goes. */
export interface LoadTarget<Request> {
  /**
   * Sends a request and calls `done` exactly once, never before this returns.
   *
   * @returns call it to give the request up: `done` is then called soon, whatever with
   */
  send(request: Request, done: (outcome: LoadOutcome) => void): () => void;
}
