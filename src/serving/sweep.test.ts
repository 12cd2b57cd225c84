import { describe, expect, it } from 'vitest';
import { DnnScalerError } from '../errors.ts';
import type { Observation } from '../scaling/scaler.ts';
import { SimulatedEngine } from '../simulator/simulated-engine.ts';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import { syntheticSource } from '../workload/row-source.ts';
import type { SweepOptions } from './sweep.ts';
import { runSweep } from './sweep.ts';

const points = [
  { batchSize: 1, instances: 1 },
  { batchSize: 32, instances: 1 },
  { batchSize: 4, instances: 3 },
];

const error = new DnnScalerError('invalid-argument', 'the model reshapes to a fixed batch');

/** Sweeps a machine of which a row takes 10 ms, and a batch 10 ms more; larger batches fail. */
function sweep(
  more: Partial<SweepOptions<number, number>> = {},
  largestBatch = 32,
): Promise<readonly Observation[]> {
  const clock = new VirtualClock();
  const engine = new SimulatedEngine<number>({
    name: 'simulated',
    clock,
    law: (rows) => 10 + 10 * rows,
    maxBatchSize: 32,
    maxInstances: 4,
  });
  const run = engine.run.bind(engine);
  engine.run = (rows, done) => {
    run(rows, (outcome) => {
      done(rows.length > largestBatch ? { kind: 'failed', error } : outcome);
    });
  };
  const source = syntheticSource((index) => index);
  const swept = runSweep<number, number>({ clock, engine, source, points, pointMs: 3000, ...more });
  clock.runUntil(100_000);
  return swept;
}

describe('runSweep', () => {
  it('measures each point once, in order, for as long as it is told', async () => {
    const seen: string[] = [];
    const observations = await sweep({
      onPoint: ({ point }, done, total) => seen.push(`${point.batchSize}: ${done} of ${total}`),
    });
    expect(observations.map(({ point }) => point)).toEqual(points);
    expect(seen).toEqual(['1: 1 of 3', '32: 2 of 3', '4: 3 of 3']);
    for (const { durationMs } of observations) expect(durationMs).toBeGreaterThanOrEqual(3000);
    const expectedPerS = [50, 32_000 / 330, 240];
    observations.forEach(({ throughputPerS }, i) => {
      expect(throughputPerS / (expectedPerS[i] as number)).toBeCloseTo(1, 1);
    });
  });

  it('may be stopped, and answers what it has', async () => {
    let stop = (): void => undefined;
    const observations = await sweep({
      onStoppable: (end) => {
        stop = end;
      },
      onPoint: () => {
        stop();
      },
    });
    expect(observations).toHaveLength(1);
  });

  it('passes over a point at which every call fails', async () => {
    const observations = await sweep({}, 8);
    expect(observations.map(({ throughputPerS }) => throughputPerS > 0)).toEqual([
      true,
      false,
      true,
    ]);
  });

  it('refuses to visit nothing', async () => {
    await expect(sweep({ points: [] })).rejects.toThrow('a sweep needs at least one point');
  });
});
