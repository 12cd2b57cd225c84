import { describe, expect, it } from 'vitest';
import { FixedScaler } from '../scaling/fixed.ts';
import { makeSlo } from '../slo.ts';
import { traceArrivals } from '../workload/arrivals.ts';
import { SimulatedEngine } from './simulated-engine.ts';
import { simulateTraffic } from './traffic.ts';
import { VirtualClock } from './virtual-clock.ts';

function setUp(batchSize: number) {
  const clock = new VirtualClock();
  const engine = new SimulatedEngine<number>({
    name: 'ten ms',
    clock,
    law: () => 10,
    maxBatchSize: 8,
    maxInstances: 2,
  });
  const scaler = new FixedScaler({ batchSize, instances: 1 }, engine.limits);
  return { clock, engine, scaler, slo: makeSlo(50) };
}

describe('simulateTraffic', () => {
  it('reports every request of an open loop, queueing included', () => {
    const answers: [number, number][] = [];
    const summary = simulateTraffic({
      ...setUp(1),
      durationMs: 100,
      arrivals: traceArrivals([5, 6, 7, 40]),
      onAnswer: (nowMs, latencyMs) => answers.push([nowMs, latencyMs]),
    });
    expect(answers).toEqual([
      [15, 10],
      [25, 19],
      [35, 28],
      [50, 10],
    ]);
    expect(summary).toEqual({ answered: 4, failed: 0 });
  });

  it('keeps as many requests outstanding as the point holds without arrivals', () => {
    const latencies: number[] = [];
    const { answered } = simulateTraffic({
      ...setUp(4),
      durationMs: 1000,
      onAnswer: (_, latencyMs) => latencies.push(latencyMs),
    });
    expect(answered).toBeGreaterThanOrEqual(400);
    expect(answered).toBeLessThanOrEqual(404);
    expect(new Set(latencies)).toEqual(new Set([10]));
  });

  it('ends early when told to', () => {
    let answers = 0;
    const { answered } = simulateTraffic({
      ...setUp(1),
      durationMs: 1e6,
      onAnswer: () => {
        answers += 1;
      },
      until: () => answers >= 10,
    });
    expect(answered).toBe(10);
  });
});
