import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { KnobLimits, OperatingPoint } from '../operating-point.ts';
import { sameKnobs } from '../operating-point.ts';
import { makeSlo } from '../slo.ts';
import { createScaler } from './create-scaler.ts';
import type { Decision, Observation, Scaler } from './scaler.ts';
import { observationOf, timeSlicingEstimate } from './test-support.ts';

const names = ['batching', 'multi-tenancy', 'clipper', 'dnnscaler', 'fixed'] as const;

/** What one window showed, with no law behind it: scalers must keep their promises whatever comes. */
interface Window {
  readonly latencyMs: number;
  readonly throughputFactor: number;
  readonly batchFill: number;
  readonly busyShare: number;
  readonly limitMs: number;
  readonly answersNothing: boolean;
  /** How much of a step up the engine reaches, 0..1. */
  readonly reachedShare: number;
}

const shares = fc.constantFrom(0, 0.5, 0.89, 0.9, 1);

const windows: fc.Arbitrary<Window[]> = fc.array(
  fc.record({
    latencyMs: fc.oneof(
      fc.constantFrom(0, 42.5, 50, 50.1),
      fc.double({ min: 0.01, max: 500, noNaN: true }),
    ),
    throughputFactor: fc.double({ min: 0.1, max: 3, noNaN: true }),
    batchFill: shares,
    busyShare: shares,
    limitMs: fc.constantFrom(50, 50, 50, 5, 400),
    answersNothing: fc.integer({ min: 0, max: 15 }).map((n) => n === 0),
    reachedShare: fc.constantFrom(1, 1, 1, 0.5, 0),
  }),
  { minLength: 1, maxLength: 60 },
);

const limits: fc.Arbitrary<KnobLimits> = fc
  .record({
    minBatchSize: fc.constantFrom(1, 1, 1, 4, 8),
    extra: fc.constantFrom(0, 1, 3, 24, 120, 127),
    maxInstances: fc.constantFrom(1, 2, 5, 8, 10),
  })
  .map(({ minBatchSize, extra, maxInstances }) => ({
    minBatchSize,
    maxBatchSize: minBatchSize + extra,
    maxInstances,
  }));

interface Play {
  readonly scaler: Scaler;
  readonly asked: readonly OperatingPoint[];
  readonly steps: readonly {
    readonly observation: Observation;
    readonly decision: Decision;
    /** Whether the scaler had its choice of approach made and nothing left to probe. */
    readonly isScaling: boolean;
  }[];
}

function play(name: string, knobs: KnobLimits, sequence: readonly Window[]): Play {
  const fixedPoint = `fixed:${knobs.maxBatchSize},${knobs.maxInstances}`;
  const scaler = createScaler(name === 'fixed' ? fixedPoint : name, {
    limits: knobs,
    estimate: timeSlicingEstimate,
  });
  let point = scaler.first();
  const asked = [point];
  const steps: Play['steps'][number][] = [];
  for (const window of sequence) {
    const honest = (1000 * point.batchSize * point.instances) / Math.max(window.latencyMs, 0.01);
    const observation = observationOf(point, makeSlo(window.limitMs), {
      latencyMs: window.latencyMs,
      throughputPerS: honest * window.throughputFactor,
      batchFill: window.batchFill,
      busyShare: window.busyShare,
      ...(window.answersNothing && { calls: 0, rows: 0, throughputPerS: 0, errors: 9 }),
    });
    const isScaling = scaler.wants === 'percentile';
    const decision = scaler.decide(observation);
    steps.push({ observation, decision, isScaling });
    asked.push(decision.point);
    if (sameKnobs(decision.point, point)) continue;
    point = reached(point, decision.point, window.reachedShare);
  }
  return { scaler, asked, steps };
}

function reached(from: OperatingPoint, to: OperatingPoint, share: number): OperatingPoint {
  const towards = (a: number, b: number): number => (b <= a ? b : a + Math.floor((b - a) * share));
  return {
    batchSize: towards(from.batchSize, to.batchSize),
    instances: towards(from.instances, to.instances),
  };
}

describe.each(names)('%s, whatever it observes,', (name) => {
  const always = (check: (played: Play, knobs: KnobLimits) => void): void => {
    fc.assert(
      fc.property(limits, windows, (knobs, sequence) => {
        check(play(name, knobs, sequence), knobs);
      }),
      { numRuns: 2000 },
    );
  };

  it('asks for whole knobs within the limits', () => {
    always(({ asked }, { minBatchSize, maxBatchSize, maxInstances }) => {
      for (const { batchSize, instances } of asked) {
        expect(Number.isInteger(batchSize) && Number.isInteger(instances)).toBe(true);
        expect(batchSize).toBeGreaterThanOrEqual(minBatchSize);
        expect(batchSize).toBeLessThanOrEqual(maxBatchSize);
        expect(instances).toBeGreaterThanOrEqual(1);
        expect(instances).toBeLessThanOrEqual(maxInstances);
      }
    });
  });

  it('gives a reason that a person can read', () => {
    always(({ steps }) => {
      for (const { decision } of steps) {
        expect(decision.reason).toMatch(/^[A-Za-z].* .*/);
        expect(decision.reason).not.toMatch(/NaN|Infinity|undefined|null|\[object|: *$/);
      }
    });
  });

  it('stays where it is when it says hold, and says so when it does', () => {
    always(({ steps }) => {
      for (const { observation, decision } of steps) {
        if (decision.kind === 'probe') continue;
        const stays = sameKnobs(decision.point, observation.point);
        expect(decision.kind).toBe(stays ? 'hold' : 'move');
      }
    });
  });

  it('decides the same when it observes the same', () => {
    fc.assert(
      fc.property(limits, windows, (knobs, sequence) => {
        const once = play(name, knobs, sequence).steps.map(({ decision }) => decision);
        const twice = play(name, knobs, sequence).steps.map(({ decision }) => decision);
        expect(twice).toEqual(once);
      }),
      { numRuns: 2000 },
    );
  });

  it('calls the SLO infeasible only at the lowest point, and while it is broken', () => {
    always(({ steps }, { minBatchSize }) => {
      for (const { observation, decision } of steps) {
        if (decision.infeasible !== true) continue;
        expect(observation.point).toEqual({ batchSize: minBatchSize, instances: 1 });
        const { atPercentileMs } = observation.requestLatency;
        expect(observation.rows === 0 || atPercentileMs > observation.slo.limitMs).toBe(true);
      }
    });
  });

  if (name === 'fixed') return;

  it('steps down from every point over the SLO, or calls it infeasible: none is locked in', () => {
    always(({ steps }) => {
      for (const { observation, decision, isScaling } of steps) {
        const { rows, requestLatency, slo, point } = observation;
        if (!isScaling || (rows > 0 && requestLatency.atPercentileMs <= slo.limitMs)) continue;
        const isSmaller =
          decision.point.batchSize <= point.batchSize &&
          decision.point.instances <= point.instances &&
          !sameKnobs(decision.point, point);
        expect(isSmaller).toBe(decision.infeasible !== true);
      }
    });
  });

  it('grows a knob only when that knob was binding', () => {
    always(({ steps }) => {
      for (const { observation, decision, isScaling } of steps) {
        if (!isScaling) continue;
        const { point, batchFill, busyShare } = observation;
        if (decision.point.batchSize > point.batchSize)
          expect(batchFill).toBeGreaterThanOrEqual(0.9);
        if (decision.point.instances > point.instances)
          expect(busyShare).toBeGreaterThanOrEqual(0.9);
      }
    });
  });
});
