import type { DnnScalerError } from '../../errors.ts';
import { VirtualClock } from '../../simulator/virtual-clock.ts';
import { Dispatcher } from '../dispatcher.ts';
import type { Batch } from '../request.ts';
import { ManualEngine } from '../test-support.ts';

/** Counts timers that were set and not cleared or fired. */
export class WatchedClock extends VirtualClock {
  pending = 0;
  set = 0;

  override setTimer(delayMs: number, fire: () => void) {
    this.pending += 1;
    this.set += 1;
    return super.setTimer(delayMs, () => {
      this.pending -= 1;
      fire();
    });
  }

  override clearTimer(timer: unknown): void {
    if ((timer as { fire?: unknown } | undefined)?.fire !== undefined) this.pending -= 1;
    super.clearTimer(timer);
  }
}

/** What became of a row. */
export interface Settled {
  readonly row: number;
  readonly reply: number | undefined;
  readonly error: DnnScalerError | null;
}

/** A dispatcher on a manual engine, and all that it does. */
export class DispatcherBench {
  readonly clock = new WatchedClock();
  readonly engine = new ManualEngine<number>();
  readonly dispatcher: Dispatcher<number, number>;
  readonly answeredBatches: Batch<number, number>[] = [];
  readonly failedBatches: Batch<number, number>[] = [];
  /** In the order in which they were settled. */
  readonly settled: Settled[] = [];

  constructor(batchSize: number, instances: number, sloLimitMs = 100) {
    this.engine.freeInstances = instances;
    this.dispatcher = new Dispatcher(this.engine, this.clock, sloLimitMs, {
      onAnswered: (batch) => this.answeredBatches.push(batch),
      onFailed: (batch) => this.failedBatches.push(batch),
    });
    this.engine.listen({
      onCapacity: () => {
        this.dispatcher.pump();
      },
      onHealth: () => undefined,
    });
    this.dispatcher.setBatchSize(batchSize);
  }

  submit(...rows: number[]): void {
    for (const row of rows) {
      this.dispatcher.submit(row, (error, reply) => this.settled.push({ row, reply, error }));
    }
  }

  get running(): (readonly number[])[] {
    return this.engine.running.map(({ rows }) => rows);
  }

  get waiting(): (readonly number[])[] {
    return this.engine.waiting.map(({ rows }) => rows);
  }
}
