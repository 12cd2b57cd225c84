import type { DnnScalerError } from '../../errors.ts';
import { Dispatcher } from '../dispatcher.ts';
import type { Batch } from '../request.ts';
import { ManualEngine } from '../test-support.ts';
import type { TestClock } from '../test-support.ts';

/** What became of a row. */
export interface Settled {
  readonly row: number;
  readonly reply: number | undefined;
  readonly error: DnnScalerError | null;
}

/** A dispatcher on a manual engine, and all that it does. */
export class DispatcherBench<C extends TestClock> {
  readonly clock: C;
  readonly engine = new ManualEngine<number>();
  readonly dispatcher: Dispatcher<number, number>;
  readonly answeredBatches: Batch<number, number>[] = [];
  /** Rows that were settled when the listener was told that a batch has its replies. */
  readonly settledAtReplied: number[] = [];
  readonly failedBatches: Batch<number, number>[] = [];
  /** In the order in which they were settled. */
  readonly settled: Settled[] = [];

  constructor(clock: C, batchSize: number, instances: number, sloLimitMs = 100) {
    this.clock = clock;
    this.engine.freeInstances = instances;
    this.dispatcher = new Dispatcher(this.engine, clock, sloLimitMs, {
      onAnswered: (batch) => this.answeredBatches.push(batch),
      onReplied: () => this.settledAtReplied.push(this.settled.length),
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
