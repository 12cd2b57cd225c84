import { DnnScalerError, toDnnScalerError } from '../errors.ts';
import type { OperatingPoint } from '../operating-point.ts';
import type { Engine, EngineLimits, EngineListener, RunOutcome } from './engine.ts';

export interface InlinePreprocessingOptions<RowIn, Prepared, Reply> {
  /** Runs what has been prepared; closed by `close`. */
  readonly engine: Engine<Prepared, Reply>;
  /** Makes one row; null when it cannot be made. */
  readonly prepare: (row: RowIn) => Promise<Prepared | null>;
  /** Runs in place of a row that cannot be made. */
  readonly blank: Prepared;
}

type Done<Reply> = (outcome: RunOutcome<Reply>) => void;

interface ReadyBatch<Prepared, Reply> {
  readonly rows: readonly Prepared[];
  readonly done: Done<Reply>;
}

/**
 * An engine whose calls include preprocessing: an instance prepares the rows of its batch one after
 * the other and then runs them, as the paper's own programs do. Instances prepare side by side. So
 * what preprocessing costs, and what instances gain by doing it in parallel, is in every latency.
 */
export class InlinePreprocessing<RowIn, Prepared, Reply> implements Engine<RowIn, Reply> {
  readonly name: string;
  readonly simulated: boolean;
  readonly limits: EngineLimits;
  readonly #options: InlinePreprocessingOptions<RowIn, Prepared, Reply>;
  /** Batches being prepared: each holds an instance that the engine below still thinks free. */
  #preparing = 0;
  /** Batches whose instance was lost while they were prepared. */
  readonly #ready: ReadyBatch<Prepared, Reply>[] = [];
  #apply: (() => void) | undefined;
  #isClosed = false;

  constructor(options: InlinePreprocessingOptions<RowIn, Prepared, Reply>) {
    const { name, simulated, limits } = options.engine;
    this.#options = options;
    this.name = `${name}, preprocessing inline`;
    this.simulated = simulated;
    const note = 'each call decodes and preprocesses its images, one after the other';
    this.limits = { ...limits, notes: [...limits.notes, note] };
  }

  get freeInstances(): number {
    if (this.#apply !== undefined) return 0;
    return Math.max(0, this.#options.engine.freeInstances - this.#held);
  }

  get #held(): number {
    return this.#preparing + this.#ready.length;
  }

  listen(listener: EngineListener): void {
    this.#options.engine.listen({
      onCapacity: () => {
        this.#runReady();
        listener.onCapacity();
      },
      onHealth: (health) => {
        listener.onHealth(health);
      },
    });
  }

  /** Batches being prepared are run first: they were promised an instance. */
  apply(
    point: OperatingPoint,
    done: (error: DnnScalerError | null, reached: OperatingPoint) => void,
  ): void {
    this.#apply = () => {
      this.#apply = undefined;
      this.#options.engine.apply(point, done);
    };
    this.#applyIfIdle();
  }

  run(rows: readonly RowIn[], done: Done<Reply>): void {
    this.#preparing += 1;
    this.#prepare(rows).then(
      (prepared) => {
        this.#prepared({ rows: prepared, done });
      },
      (thrown: unknown) => {
        this.#preparing -= 1;
        done({ kind: 'failed', error: toDnnScalerError(thrown) });
        this.#applyIfIdle();
      },
    );
  }

  close(): Promise<void> {
    this.#isClosed = true;
    for (const { done } of this.#ready.splice(0)) done({ kind: 'failed', error: closed() });
    return this.#options.engine.close();
  }

  async #prepare(rows: readonly RowIn[]): Promise<readonly Prepared[]> {
    const prepared: Prepared[] = [];
    for (const row of rows) {
      prepared.push((await this.#options.prepare(row)) ?? this.#options.blank);
    }
    return prepared;
  }

  #prepared(batch: ReadyBatch<Prepared, Reply>): void {
    this.#preparing -= 1;
    if (this.#isClosed) {
      batch.done({ kind: 'failed', error: closed() });
      return;
    }
    this.#ready.push(batch);
    this.#runReady();
  }

  #runReady(): void {
    const { engine } = this.#options;
    while (engine.freeInstances > 0) {
      const batch = this.#ready.shift();
      if (batch === undefined) break;
      engine.run(batch.rows, batch.done);
    }
    this.#applyIfIdle();
  }

  #applyIfIdle(): void {
    if (this.#held === 0) this.#apply?.();
  }
}

function closed(): DnnScalerError {
  return new DnnScalerError('unavailable', 'the engine is closed');
}
