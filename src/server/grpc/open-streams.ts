import type { EventEmitter } from 'node:events';

/**
 * Calls that last as long as the client wants: a server that stops must end them itself.
 */
export class OpenStreams {
  readonly #stops = new Set<() => void>();
  #isStopping = false;

  /** @param stop ends the call, once what was accepted on it has been answered */
  add(call: EventEmitter, stop: () => void): void {
    this.#stops.add(stop);
    call.once('close', () => this.#stops.delete(stop));
    if (this.#isStopping) stop();
  }

  stopAll(): void {
    this.#isStopping = true;
    for (const stop of this.#stops) stop();
  }
}
