/** An engine of one's own under DNNScaler's loop: here plain JavaScript in place of a network. */
import {
  createScaler,
  defaultWindowPolicy,
  estimatorFor,
  makeSlo,
  runTrial,
  syntheticSource,
  systemClock,
} from '../src/index.ts';
import type { OperatingPoint, engines } from '../src/index.ts';

/** Squares numbers; a batch costs 2 ms of its instance's time, and 0.05 ms more for each row. */
class SquaringEngine implements engines.Engine<number, number> {
  readonly name = 'squares';
  readonly simulated = false;
  readonly limits = { minBatchSize: 1, maxBatchSize: 128, maxInstances: 4, notes: [] };
  freeInstances = 0;
  #instances = 0;
  #listener: engines.EngineListener | undefined;

  listen(listener: engines.EngineListener): void {
    this.#listener = listener;
  }

  apply(point: OperatingPoint, done: (error: null, reached: OperatingPoint) => void): void {
    this.freeInstances += point.instances - this.#instances;
    this.#instances = point.instances;
    done(null, point);
    this.#listener?.onCapacity();
  }

  run(rows: readonly number[], done: (outcome: engines.RunOutcome<number>) => void): void {
    this.freeInstances -= 1;
    systemClock.setTimer(2 + 0.05 * rows.length, () => {
      this.freeInstances += 1;
      done({ kind: 'done', replies: { replyAt: (i) => (rows[i] as number) ** 2 } });
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

const engine = new SquaringEngine();
const result = await runTrial({
  engine,
  scaler: createScaler('auto', { limits: engine.limits, estimate: estimatorFor() }),
  slo: makeSlo(15),
  source: syntheticSource((index) => index),
  clock: systemClock,
  durationMs: 6000,
  windows: { ...defaultWindowPolicy, minMs: 500, throughputMinMs: 500 },
});
console.log(`${result.approach}: ${result.throughputPerS.toFixed(0)} squares/s, ${result.verdict}`);
