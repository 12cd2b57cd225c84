/** A scaler of one's own, tried on a simulated engine: every part can be replaced. */
import type { scaling } from '../src/index.ts';
import { makeSlo, simulator } from '../src/index.ts';

/** Doubles the batch size while the SLO holds, and halves it when it does not. */
class DoublingScaler implements scaling.Scaler {
  readonly name = 'doubling';
  readonly approach = 'batching';
  readonly profile = null;
  readonly wants = 'percentile';

  first() {
    return { batchSize: 1, instances: 1 };
  }

  decide({ point, requestLatency, slo }: scaling.Observation): scaling.Decision {
    const latencyMs = requestLatency.atPercentileMs;
    const stay = latencyMs <= slo.limitMs && latencyMs > 0.45 * slo.limitMs;
    if (stay) return { point, kind: 'hold', reason: `${latencyMs.toFixed(1)} ms is fine` };
    const factor = latencyMs > slo.limitMs ? 0.5 : 2;
    const batchSize = Math.min(128, Math.max(1, point.batchSize * factor));
    return {
      point: { batchSize, instances: 1 },
      kind: 'move',
      reason: `${latencyMs.toFixed(1)} ms: batch ${point.batchSize} -> ${batchSize}`,
    };
  }
}

const clock = new simulator.VirtualClock();
const engine = new simulator.SimulatedEngine<number>({
  name: 'a made-up accelerator',
  clock,
  law: (rows, busyInstances) => Math.max(4 + 0.2 * rows, busyInstances * (2 + 0.18 * rows)),
  maxBatchSize: 128,
  maxInstances: 10,
  noiseSigma: 0.05,
});
const result = await simulator.simulate({
  engine,
  clock,
  scaler: new DoublingScaler(),
  slo: makeSlo(20),
  durationMs: 30_000,
});
console.log(
  `${result.verdict} at batch ${result.operatingPoint.batchSize}: ` +
    `${result.throughputPerS.toFixed(0)}/s, p95 ${result.latencyMs.p95.toFixed(1)} ms (simulated)`,
);
