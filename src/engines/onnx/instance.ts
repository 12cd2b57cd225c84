import { DnnScalerError } from '../../errors.ts';
import { formatMs } from '../../units.ts';
import type { Link, LinkListener, OpenLink } from './link.ts';
import type {
  FromInstance,
  ModelMetadata,
  PackedTensor,
  RunBatch,
  SessionConfig,
} from './protocol.ts';
import { mostRuns } from './protocol.ts';
import { loadError } from './runtime-errors.ts';
import type { Watch, Watchdog } from './watchdog.ts';

/** How a run on one instance ended; the kinds are those of the engine contract. */
export type InstanceOutcome =
  | {
      readonly kind: 'done';
      readonly tensors: readonly PackedTensor[];
      readonly buffer: ArrayBuffer;
      readonly runMs: number;
    }
  | { readonly kind: 'failed' | 'instance-lost' | 'timed-out'; readonly error: DnnScalerError }
  /** It has waited long for the run before it, and may go elsewhere; what becomes of it here follows. */
  | { readonly kind: 'recalled'; readonly error: DnnScalerError };

/**
 * Called once, and once more for a batch that was recalled.
 *
 * @param returned the input buffer, when it came back and may be used again
 */
export type InstanceDone = (outcome: InstanceOutcome, returned: ArrayBuffer | undefined) => void;

/** A batch that was handed over. */
interface Run {
  readonly done: InstanceDone;
  readonly started: (() => void) | undefined;
  /** While it waits: how long it still may. */
  patience: Watch | undefined;
}

/** A batch waits for so many times the longest run of late, and at least so long, in ms. */
const patienceFactor = 10;
const leastPatienceMs = 1000;
/** This thread may have been busy, and have yet to read that the run before has ended: so long more. */
const lastPatienceMs = 100;
/** What is left of the longest run with each that follows: the first ones are not like the others. */
const runDecay = 0.9;

/** What becomes of an instance apart from its runs. */
export interface InstanceListener {
  onLoaded(metadata: ModelMetadata): void;
  /**
   * It is gone: after `retire` (no error), because it could not load the model, or because it died.
   * The outcome of a run that it took along has been told before.
   */
  onEnded(error: DnnScalerError | undefined): void;
  /**
   * It does not answer and cannot be ended: it was left to itself. Should it answer after all, it
   * is retired, and `onEnded` follows. Alone among these, it may come from within `giveUp`.
   */
  onHung(error: DnnScalerError): void;
}

export interface InstanceOptions {
  readonly openLink: OpenLink;
  readonly modelPath: string;
  readonly config: SessionConfig;
  readonly watchdog: Watchdog;
  readonly loadLimitMs: number;
  readonly runLimitMs: number;
}

/**
 * One copy of the model in a thread or process, seen from the engine: loads, runs one batch at a
 * time, and ends, each under a time limit. It is never ended while it loads or runs, unless it
 * passes its limit and is a process. While it runs a batch it may be given the next one.
 */
export class Instance implements LinkListener {
  /** Whoever looks after the instance at the time. */
  listener: InstanceListener;
  readonly #options: InstanceOptions;
  readonly #link: Link;
  #phase: 'loading' | 'ready' | 'running' | 'releasing' | 'hung' | 'ended' = 'loading';
  #retiring = false;
  #watch: Watch | undefined;
  /** What it holds: the first runs, another waits. */
  readonly #runs: Run[] = [];
  #longestRunMs = 0;
  /** Why it is about to end, when that is known before the link is gone. */
  #fault: DnnScalerError | undefined;

  /**
   * Starts loading the model.
   *
   * @throws DnnScalerError `unavailable` when this package has not been built
   */
  constructor(options: InstanceOptions, listener: InstanceListener) {
    this.#options = options;
    this.listener = listener;
    this.#link = options.openLink(this);
    this.#limit(options.loadLimitMs, 'loading the model');
    this.#link.post({ kind: 'load', modelPath: options.modelPath, config: options.config });
  }

  get config(): SessionConfig {
    return this.#options.config;
  }

  get pid(): number | undefined {
    return this.#link.pid;
  }

  /** True when nothing more is to be expected of it: it has ended, or hangs. */
  get over(): boolean {
    return this.#phase === 'ended' || this.#phase === 'hung';
  }

  /**
   * Runs a batch, after the one that runs already, if any; call only when loaded, with fewer than
   * `mostRuns` batches, and not asked to retire.
   *
   * @param started called when a batch that had to wait begins to run
   */
  run(batch: RunBatch, done: InstanceDone, started?: () => void): void {
    const isIdle = this.#phase === 'ready';
    if (!isIdle && !(this.#phase === 'running' && this.#runs.length < mostRuns)) {
      throw new DnnScalerError(
        'internal',
        `a batch was given to an instance that is ${this.#phase} and has ${this.#runs.length}`,
      );
    }
    const run: Run = { done, started, patience: undefined };
    this.#runs.push(run);
    if (isIdle) this.#begin();
    else this.#letWait(run);
    this.#link.post({ kind: 'run', tensors: batch.tensors }, batch);
  }

  /** Ends the instance when what it is doing is over. */
  retire(): void {
    this.#retiring = true;
    if (this.#phase === 'ready') this.#release();
  }

  /** Stops waiting for the instance: kills it if that can be done, else leaves it to itself. */
  giveUp(error: DnnScalerError): void {
    if (this.#phase === 'hung' || this.#phase === 'ended') return;
    this.#fault = error;
    this.#watch?.clear();
    const ended = this.#link.giveUp();
    this.#phase = ended ? 'releasing' : 'hung';
    this.#finish({ kind: 'timed-out', error });
    this.#loseRuns(error);
    if (!ended) this.listener.onHung(error);
  }

  onMessage(
    message: FromInstance,
    payload: ArrayBuffer | undefined,
    returned: ArrayBuffer | undefined,
  ): void {
    // After its release an instance still has to end, under the same limit.
    if (this.#phase !== 'releasing') this.#watch?.clear();
    switch (message.kind) {
      case 'loaded':
        this.#becomeReady();
        if (!this.#retiring) this.listener.onLoaded(message.metadata);
        break;
      case 'load-failed': {
        const { modelPath, config } = this.#options;
        this.#fault ??= loadError(modelPath, config.provider, message.code, message.message);
        break;
      }
      case 'ran': {
        const { tensors, runMs } = message;
        this.#longestRunMs = Math.max(runDecay * this.#longestRunMs, runMs);
        const buffer = payload ?? new ArrayBuffer(0);
        this.#ran({ kind: 'done', tensors, buffer, runMs }, returned);
        break;
      }
      case 'run-failed': {
        const error = new DnnScalerError(message.code, `the model failed: ${message.message}`);
        this.#ran({ kind: 'failed', error }, returned);
        break;
      }
      case 'released':
        break;
    }
  }

  onGone(how: string): void {
    const expected = this.#phase === 'releasing' && this.#fault === undefined;
    const loading = this.#phase === 'loading';
    this.#phase = 'ended';
    this.#watch?.clear();
    const error =
      this.#fault ??
      new DnnScalerError(
        'unavailable',
        loading ? `an instance died while loading the model: ${how}` : `an instance died: ${how}`,
      );
    this.#loseRuns(error);
    this.listener.onEnded(expected ? undefined : error);
  }

  /** A late answer of an instance that was given up also comes here, and leads to its release. */
  #becomeReady(): void {
    if (this.#phase === 'hung') {
      this.#retiring = true;
      this.#fault = undefined;
    }
    if (this.#phase === 'releasing') return;
    this.#phase = 'ready';
    if (this.#retiring) this.#release();
  }

  #release(): void {
    this.#phase = 'releasing';
    this.#limit(this.#options.runLimitMs, 'releasing the model');
    this.#link.post({ kind: 'release' });
  }

  #limit(limitMs: number, what: string): void {
    this.#watch = this.#options.watchdog.watch(limitMs, () => {
      const message = `${what} took longer than its limit of ${formatMs(limitMs)}`;
      this.giveUp(new DnnScalerError('deadline-exceeded', message));
    });
  }

  #begin(): void {
    this.#phase = 'running';
    this.#limit(this.#options.runLimitMs, 'a run');
  }

  /** The run before it may hang, which is known for certain only after its limit. */
  #letWait(run: Run): void {
    const limitMs = Math.max(leastPatienceMs, patienceFactor * this.#longestRunMs);
    const { watchdog } = this.#options;
    run.patience = watchdog.watch(limitMs, () => {
      run.patience = watchdog.watch(lastPatienceMs, () => {
        const message = `the run before took longer than ${formatMs(limitMs)}`;
        run.done(
          { kind: 'recalled', error: new DnnScalerError('unavailable', message) },
          undefined,
        );
      });
    });
  }

  /** The first run has ended by itself. */
  #ran(outcome: InstanceOutcome, returned: ArrayBuffer | undefined): void {
    const next = this.#phase === 'running' ? this.#runs[1] : undefined;
    if (next === undefined) this.#becomeReady();
    else {
      this.#begin();
      next.patience?.clear();
      next.started?.();
    }
    this.#finish(outcome, returned);
  }

  #finish(outcome: InstanceOutcome, returned?: ArrayBuffer): void {
    this.#runs.shift()?.done(outcome, returned);
  }

  #loseRuns(error: DnnScalerError): void {
    for (const { done, patience } of this.#runs.splice(0)) {
      patience?.clear();
      done({ kind: 'instance-lost', error }, undefined);
    }
  }
}
