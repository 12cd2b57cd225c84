import { describe, expect, it } from 'vitest';
import { paperLimits } from '../operating-point.ts';
import { makeSlo } from '../slo.ts';
import { FixedScaler } from './fixed.ts';
import { Rehearsal, linearLaw, movesIn, observationOf } from './test-support.ts';

const slo = makeSlo(50);

describe('FixedScaler', () => {
  it('stays where it is told, whatever the latency', () => {
    const scaler = new FixedScaler({ batchSize: 8, instances: 2 }, paperLimits);
    const rehearsal = new Rehearsal(scaler, { law: linearLaw(100, 10), slo });
    expect(movesIn(rehearsal.play(5))).toBe(0);
    expect(rehearsal.point).toEqual({ batchSize: 8, instances: 2 });
    expect(rehearsal.steps[0]?.decision).toEqual({
      point: { batchSize: 8, instances: 2 },
      kind: 'hold',
      reason: 'p95 360 ms over the 50.0 ms SLO: fixed at batch 8 x 2 instances',
    });
  });

  it('calls the SLO infeasible only where nothing lower is left', () => {
    const infeasible = (batchSize: number, instances: number, latencyMs: number): unknown => {
      const point = { batchSize, instances };
      const scaler = new FixedScaler(point, paperLimits);
      return scaler.decide(observationOf(point, slo, { latencyMs })).infeasible;
    };
    expect(infeasible(1, 1, 60)).toBe(true);
    expect(infeasible(1, 1, 40)).toBeUndefined();
    expect(infeasible(2, 1, 60)).toBeUndefined();
    expect(infeasible(1, 2, 60)).toBeUndefined();
  });

  it('stays at what the engine reached, rather than ask for the rest after every window', () => {
    const scaler = new FixedScaler({ batchSize: 1, instances: 8 }, paperLimits);
    const rehearsal = new Rehearsal(scaler, {
      law: linearLaw(1, 1),
      slo,
      reach: (point) => ({ ...point, instances: 4 }),
    });
    expect(movesIn(rehearsal.play(5))).toBe(0);
    expect(rehearsal.steps[0]?.decision.reason).toBe(
      'p95 8.00 ms under 85% of the 50.0 ms SLO: fixed at batch 1 x 8 instances, of which batch 1 x 4 instances was reached',
    );
  });

  it('is named after the point that it keeps', () => {
    expect(new FixedScaler({ batchSize: 999, instances: 99 }, paperLimits).name).toBe(
      'fixed:128,10',
    );
  });
});
