/** A pool of instances that do what the test says, under a virtual clock. */
import type { Clock } from '../../../clock.ts';
import { DnnScalerError } from '../../../errors.ts';
import type { EngineHealth } from '../../engine.ts';
import type { Instance, InstanceDone, InstanceListener, InstanceOutcome } from '../instance.ts';
import { Pool } from '../pool.ts';
import type { PoolTarget } from '../pool-plan.ts';
import { mostRuns } from '../protocol.ts';
import type { PackedBatch, RunBatch, SessionConfig } from '../protocol.ts';
import type { PooledInstance } from '../roster.ts';

export const configOf = (threads: number): SessionConfig => ({
  provider: 'cpu',
  threads,
  spinning: true,
});
export const batchOf = (rows: number): PackedBatch => ({
  tensors: [{ dims: [rows], byteOffset: 0, byteLength: 0 }],
  buffer: new ArrayBuffer(0),
  usedBytes: 0,
});
export const fault = (message: string): DnnScalerError =>
  new DnnScalerError('unavailable', message);
const answer: InstanceOutcome = {
  kind: 'done',
  tensors: [],
  buffer: new ArrayBuffer(0),
  runMs: 1,
};

/** An instance that does what the test says, and checks that the pool keeps the rules. */
export class FakeInstance implements PooledInstance {
  readonly pid = undefined;
  readonly config: SessionConfig;
  listener: InstanceListener;
  phase: 'loading' | 'ready' | 'running' | 'ended' | 'hung' = 'loading';
  rows = 0;
  retiring = false;
  readonly #runs: { readonly done: InstanceDone; readonly started: (() => void) | undefined }[] =
    [];

  constructor(config: SessionConfig, listener: InstanceListener) {
    this.config = config;
    this.listener = listener;
  }

  /** Batches that it holds. */
  get held(): number {
    return this.#runs.length;
  }

  run(batch: RunBatch, done: InstanceDone, started?: () => void): void {
    const hasRoom = this.phase === 'ready' || (this.phase === 'running' && this.held < mostRuns);
    if (!hasRoom || this.retiring) throw new Error(`it was run while ${this.phase}`);
    if (this.phase === 'ready') this.rows = batch.tensors[0]?.dims[0] ?? 0;
    this.phase = 'running';
    this.#runs.push({ done, started });
  }

  retire(): void {
    if (this.retiring) throw new Error('it was retired twice');
    this.retiring = true;
  }

  giveUp(error: DnnScalerError): void {
    if (this.phase === 'ended' || this.phase === 'hung') return;
    this.phase = 'hung';
    this.#finish({ kind: 'timed-out', error });
    this.#lose(error);
    this.listener.onHung(error);
  }

  /** Lets it get on with what it is at. */
  step(): void {
    if (this.phase === 'loading') {
      this.phase = 'ready';
      if (!this.retiring) this.listener.onLoaded({ inputs: [], outputs: [] });
    } else if (this.phase === 'running') {
      this.#ran(answer);
    } else if (this.phase === 'ready' && this.retiring) {
      this.phase = 'ended';
      this.listener.onEnded(undefined);
    }
  }

  failRun(error: DnnScalerError): void {
    this.#ran({ kind: 'failed', error });
  }

  /** The run is over for whoever waits; the process is still being killed. */
  timeOut(error: DnnScalerError): void {
    this.#finish({ kind: 'timed-out', error });
  }

  die(error: DnnScalerError): void {
    this.phase = 'ended';
    this.#lose(error);
    this.listener.onEnded(error);
  }

  #ran(outcome: InstanceOutcome): void {
    if (this.held > 1) this.#runs[1]?.started?.();
    else this.phase = 'ready';
    this.#finish(outcome);
  }

  #finish(outcome: InstanceOutcome): void {
    this.#runs.shift()?.done(outcome, undefined);
  }

  #lose(error: DnnScalerError): void {
    for (const { done } of this.#runs.splice(0)) done({ kind: 'instance-lost', error }, undefined);
  }
}

export interface PoolTestOptions<C extends Clock> {
  /** The test's own, which it can move on. */
  readonly clock: C;
  readonly obstacle?: () => DnnScalerError | undefined;
  readonly keepsSizes?: boolean;
}

/** A pool with one instance of 4 threads that is warm for 1 row, and all that it does and tells. */
export function setUpPool<C extends Clock>(options: PoolTestOptions<C>) {
  const { clock, obstacle, keepsSizes = true } = options;
  const started: FakeInstance[] = [];
  const health: EngineHealth[] = [];
  const pool: Pool = new Pool(
    {
      start: (config, listener) => {
        const instance = new FakeInstance(config, listener);
        started.push(instance);
        return instance;
      },
      warmUpBatch: batchOf,
      recycle: () => undefined,
      keepsSizes,
      obstacle: obstacle ?? (() => undefined),
      maxLoading: 4,
      firstBackoffMs: 100,
      maxBackoffMs: 1000,
      closeLimitMs: 5000,
      clock,
      onCapacity: () => undefined,
      onHealth: (told) => health.push(told),
    },
    { instances: 1, batchSize: 1, config: configOf(4) },
  );
  const first = new FakeInstance(configOf(4), {
    onLoaded: () => undefined,
    onEnded: () => undefined,
    onHung: () => undefined,
  });
  first.phase = 'ready';
  started.push(first);
  pool.adopt(first as unknown as Instance, [1]);
  const applied: (DnnScalerError | null)[] = [];
  const apply = (target: PoolTarget): void => pool.apply(target, (error) => applied.push(error));
  const states = (): string => pool.instances.map(({ state }) => state).join(' ');
  return { pool, clock, started, first, health, applied, apply, states };
}
