import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OperatingPoint } from '../../operating-point.ts';
import { sameKnobs } from '../../operating-point.ts';
import { makeSlo } from '../../slo.ts';
import { Random } from '../../random.ts';
import { summarizeLatencies } from '../../telemetry/latency-summary.ts';
import type { Law } from '../test-support.ts';
import { observationOf } from '../test-support.ts';
import type { Decision, Observation } from '../scaler.ts';
import { JointScaler } from './joint.ts';

const limits = { minBatchSize: 1, maxBatchSize: 128, maxInstances: 8 };

/** 20 ms beside the device, 0.5 ms a row on it. */
const twoResources: Law = (b, n) => Math.max(20 + 0.5 * b, n * 0.5 * b);

interface World {
  readonly law: Law;
  readonly slo: number;
  readonly reach?: (point: OperatingPoint) => OperatingPoint;
  /** Exponential, added to a share of the calls. */
  readonly pauses?: { readonly share: number; readonly meanMs: number };
}

/** A closed loop of windows of 40 calls with 5% noise; `worldAt` says what holds in each window. */
function drive(
  scaler: JointScaler,
  windows: number,
  worldAt: (window: number) => World,
  seed = 1,
): { point: OperatingPoint; decisions: Decision[]; points: OperatingPoint[] } {
  const random = new Random(seed);
  let point = scaler.first();
  const decisions: Decision[] = [];
  const points = [point];
  let nowMs = 0;
  for (let window = 0; window < windows; window += 1) {
    const { law, slo, reach, pauses } = worldAt(window);
    const pauseMs = (): number =>
      pauses !== undefined && random.next() < pauses.share ? random.exponential(pauses.meanMs) : 0;
    const calls = Float64Array.from(
      { length: 40 * point.instances },
      () => law(point.batchSize, point.instances) * Math.exp(0.05 * random.normal()) + pauseMs(),
    );
    const latency = summarizeLatencies([calls], 0.95);
    const perS = (1000 * point.batchSize * point.instances) / latency.meanMs;
    const durationMs = 40 * latency.meanMs;
    nowMs += durationMs;
    const decision = scaler.decide(
      observationOf(point, makeSlo(slo), {
        ...{ durationMs, endMs: nowMs },
        latencyMs: latency.meanMs,
        executionLatency: latency,
        requestLatency: latency,
        calls: calls.length,
        rows: calls.length * point.batchSize,
        throughputPerS: perS,
      }),
    );
    decisions.push(decision);
    point = reach === undefined ? decision.point : reach(decision.point);
    points.push(point);
  }
  return { point, decisions, points };
}

/** The best throughput, in rows per ms, that 5% noise leaves within the SLO. */
function bestPerMs(law: Law, slo: number, fits: (point: OperatingPoint) => boolean = () => true) {
  let best = 0;
  for (let instances = 1; instances <= 8; instances += 1) {
    for (let batchSize = 1; batchSize <= 128; batchSize += 1) {
      const ms = law(batchSize, instances);
      if (ms * 1.107 > slo || !fits({ batchSize, instances })) continue;
      best = Math.max(best, (batchSize * instances) / ms);
    }
  }
  return best;
}

const perMs = (law: Law, { batchSize, instances }: OperatingPoint): number =>
  (batchSize * instances) / law(batchSize, instances);

const changes = (decisions: readonly Decision[]): number =>
  decisions.filter(({ kind }) => kind !== 'hold').length;

describe('JointScaler', () => {
  it.each([30, 60, 200])('reaches the best of both knobs within an SLO of %i ms', (slo) => {
    const moves: number[] = [];
    for (const seed of [1, 2, 3, 4, 5, 6, 7]) {
      const world = { law: twoResources, slo };
      const { point, decisions } = drive(new JointScaler(limits), 40, () => world, seed);
      expect(perMs(twoResources, point) / bestPerMs(twoResources, slo)).toBeGreaterThan(0.93);
      expect(decisions.slice(-20).every(({ kind }) => kind === 'hold')).toBe(true);
      moves.push(changes(decisions));
    }
    expect(moves.toSorted((a, b) => a - b)[3]).toBeLessThanOrEqual(11);
    expect(Math.max(...moves)).toBeLessThanOrEqual(15);
  });

  it.each([
    ['are all that costs', 0, 20],
    ['cost little beside the weights', 0.04, 20],
    ['cost little, and launching something', 0.05, 5],
  ])('batches on where calls %s: rows are nearly free', (_, perRowMs, hostMs) => {
    const law: Law = (b, n) => Math.max(hostMs + 20 + perRowMs * b, n * (20 + perRowMs * b));
    for (const slo of [1.5, 3, 8].map((times) => times * law(1, 1))) {
      const { point, decisions } = drive(new JointScaler(limits), 60, () => ({ law, slo }));
      expect(perMs(law, point) / bestPerMs(law, slo)).toBeGreaterThan(0.93);
      expect(changes(decisions)).toBeLessThanOrEqual(14);
    }
  });

  it('comes to rest where no point holds the SLO, and looks around ever less often', () => {
    const scaler = new JointScaler(limits);
    const { decisions } = drive(scaler, 400, () => ({ law: () => 20, slo: 21 }));
    expect(changes(decisions)).toBeLessThanOrEqual(24);
    expect(changes(decisions.slice(-150))).toBeLessThanOrEqual(4);
    expect(decisions.at(-1)?.infeasible).toBe(true);
  });

  it('does not resize a network that nothing helps', () => {
    const serial: Law = (b, n) => 10 * b * n;
    const { point, decisions } = drive(new JointScaler(limits), 30, () => ({
      law: serial,
      slo: 13,
    }));
    expect(point).toEqual({ batchSize: 1, instances: 1 });
    expect(changes(decisions)).toBeLessThanOrEqual(8);
  });

  it('finds more throughput in company where a call alone is slow', () => {
    const company: Law = (b, n) => Math.max((18 + b) * (n === 1 ? 1 : 0.6), n * b);
    const { point } = drive(new JointScaler(limits), 40, () => ({ law: company, slo: 30 }));
    expect(perMs(company, point) / bestPerMs(company, 30)).toBeGreaterThan(0.9);
  });

  it('takes what the engine reaches, and asks no more for what it could not', () => {
    const reach = (asked: OperatingPoint): OperatingPoint => ({
      batchSize: asked.batchSize,
      instances: Math.min(asked.instances, 2),
    });
    const { point, decisions } = drive(new JointScaler(limits), 40, () => ({
      law: twoResources,
      slo: 60,
      reach,
    }));
    const best = bestPerMs(twoResources, 60, ({ instances }) => instances <= 2);
    expect(perMs(twoResources, point) / best).toBeGreaterThan(0.93);
    expect(decisions.slice(-10).every((decision) => sameKnobs(decision.point, point))).toBe(true);
  });

  it('follows a machine that slows down by half and recovers, each within 8 decisions', () => {
    const factor = (window: number): number => (window >= 40 && window < 80 ? 1.5 : 1);
    const { points, decisions } = drive(new JointScaler(limits), 120, (window) => ({
      law: (b, n) => factor(window) * twoResources(b, n),
      slo: 60,
    }));
    const slow: Law = (b, n) => 1.5 * twoResources(b, n);
    expect(changes(decisions.slice(40, 80))).toBeLessThanOrEqual(8);
    expect(changes(decisions.slice(80))).toBeLessThanOrEqual(8);
    expect(perMs(slow, points[79] as OperatingPoint)).toBeGreaterThan(0.95 * bestPerMs(slow, 60));
    expect(perMs(twoResources, points[119] as OperatingPoint)).toBeGreaterThan(
      0.95 * bestPerMs(twoResources, 60),
    );
  });

  it('follows the SLO down and up, each within 8 decisions', () => {
    const slo = (window: number): number => (window >= 40 && window < 80 ? 30 : 60);
    const { points, decisions } = drive(new JointScaler(limits), 120, (window) => ({
      law: twoResources,
      slo: slo(window),
    }));
    for (const [from, to] of [
      [40, 80],
      [80, 120],
    ] as const) {
      expect(changes(decisions.slice(from, to))).toBeLessThanOrEqual(8);
      const reached = perMs(twoResources, points[to - 1] as OperatingPoint);
      expect(reached).toBeGreaterThan(0.95 * bestPerMs(twoResources, slo(from)));
    }
  });

  it('says that an SLO is out of reach, at the fastest point there is', () => {
    const { point, decisions } = drive(new JointScaler(limits), 20, () => ({
      law: twoResources,
      slo: 10,
    }));
    expect(point).toEqual({ batchSize: 1, instances: 1 });
    expect(decisions.at(-1)?.infeasible).toBe(true);
  });

  it('leaves a point at which nothing is answered, and does not go back there', () => {
    const scaler = new JointScaler(limits);
    const slo = makeSlo(60);
    const good = observationOf(scaler.first(), slo, { latencyMs: 20 });
    const asked = scaler.decide(good).point;
    const dead = { ...observationOf(asked, slo), rows: 0, calls: 0, throughputPerS: 0, errors: 99 };
    const back = scaler.decide(dead);
    expect(back.point).toEqual(scaler.first());
    for (let i = 0; i < 5; i += 1) {
      const { batchSize, instances } = scaler.decide(good).point;
      expect(batchSize >= asked.batchSize && instances >= asked.instances).toBe(false);
    }
  });

  it('recovers when calls fail for a while at the lowest point', () => {
    const scaler = new JointScaler(limits);
    const slo = makeSlo(60);
    const dead = { ...observationOf(scaler.first(), slo), rows: 0, calls: 0, throughputPerS: 0 };
    expect(scaler.decide(dead).infeasible).toBe(true);
    const good = observationOf(scaler.first(), slo, { latencyMs: 20 });
    expect(scaler.decide(good).kind).toBe('probe');
  });

  it('always stays within the limits and gives a reason, whatever it sees', () => {
    const seen = fc.record({
      latencyMs: fc.double({ min: 0.01, max: 1e5, noNaN: true }),
      batchFill: fc.double({ min: 0.01, max: 1, noNaN: true }),
      busyShare: fc.double({ min: 0, max: 1, noNaN: true }),
      waitFactor: fc.double({ min: 1, max: 50, noNaN: true }),
      calls: fc.integer({ min: 1, max: 500 }),
      answers: fc.boolean(),
      limitMs: fc.constantFrom(10, 50, 1000),
    });
    fc.assert(
      fc.property(fc.array(seen, { minLength: 1, maxLength: 12 }), (windows) => {
        const scaler = new JointScaler(limits);
        let point = scaler.first();
        for (const window of windows) {
          const { limitMs, answers, waitFactor, ...parts } = window;
          const slo = makeSlo(limitMs);
          const observation: Observation = observationOf(point, slo, {
            ...parts,
            rows: answers
              ? Math.max(1, Math.round(parts.calls * point.batchSize * parts.batchFill))
              : 0,
            requestLatency: summarizeLatencies(
              [Float64Array.of(parts.latencyMs * waitFactor)],
              slo.percentile,
            ),
          });
          const decision = scaler.decide(observation);
          expect(decision.reason.length).toBeGreaterThan(0);
          point = decision.point;
          expect(point.batchSize).toBeGreaterThanOrEqual(1);
          expect(point.batchSize).toBeLessThanOrEqual(128);
          expect(point.instances).toBeGreaterThanOrEqual(1);
          expect(point.instances).toBeLessThanOrEqual(8);
        }
      }),
      { numRuns: 12 },
    );
  });

  describe('when requests arrive by a clock of their own', () => {
    const slo = makeSlo(60);
    const latencies = (ms: number) => summarizeLatencies([new Float64Array(40).fill(ms)], 0.95);

    it('grows nothing while there is room to spare', () => {
      const scaler = new JointScaler(limits);
      const light = observationOf(scaler.first(), slo, {
        latencyMs: 20,
        requestLatency: latencies(30),
        throughputPerS: 5,
        busyShare: 0.1,
      });
      for (let i = 0; i < 5; i += 1) {
        const decision = scaler.decide(light);
        expect(decision.kind).toBe('hold');
        expect(decision.point).toEqual(scaler.first());
      }
    });

    it('does not take a queue for a point that is too slow: grows when overloaded', () => {
      const scaler = new JointScaler(limits);
      const overloaded = observationOf(scaler.first(), slo, {
        latencyMs: 20,
        requestLatency: latencies(5000),
        arrivals: 4000,
      });
      const { point, kind } = scaler.decide(overloaded);
      expect(kind).toBe('probe');
      expect(point.batchSize * point.instances).toBeGreaterThan(1);
    });
  });

  it('climbs again when it finds itself overrun at a small point', () => {
    const slo = makeSlo(60);
    const scaler = new JointScaler(limits);
    const law: Law = (b, n) => twoResources(b, n);
    const random = new Random(5);
    let point = scaler.first();
    let nowMs = 0;
    const show = (requestFactor: number, arriving: number): Decision => {
      const latencyMs = law(point.batchSize, point.instances) * Math.exp(0.02 * random.normal());
      const durationMs = 40 * latencyMs;
      nowMs += durationMs;
      const rows = 40 * point.batchSize * point.instances;
      const decision = scaler.decide(
        observationOf(point, slo, {
          ...{ latencyMs, durationMs, endMs: nowMs, calls: 40 * point.instances, rows },
          requestLatency: summarizeLatencies([Float64Array.of(latencyMs * requestFactor)], 0.95),
          arrivals: arriving * rows,
        }),
      );
      point = decision.point;
      return decision;
    };
    // Overloaded from the start: climbs, and learns what larger points give.
    for (let i = 0; i < 40; i += 1) show(50, 3);
    const high = perMs(law, point);
    expect(high).toBeGreaterThan(3 * perMs(law, scaler.first()));
    // At small points again, by whatever led there, with requests queueing: back up.
    point = scaler.first();
    for (let i = 0; i < 6; i += 1) show(50, 3);
    expect(perMs(law, point)).toBeGreaterThan(0.8 * high);
  });

  it('is soon back where it was when a neighbour that comes and goes has left', () => {
    const slo = 60;
    const best = bestPerMs(twoResources, slo);
    const shares: number[] = [];
    for (let seed = 1; seed <= 4; seed += 1) {
      const chance = new Random(100 + seed);
      let isThere = false;
      // Away for 16 windows on average, there for 4.
      const visits = Array.from({ length: 160 }, () => {
        isThere = chance.next() < (isThere ? 0.75 : 1 / 16);
        return isThere;
      });
      const worldAt = (window: number): World => {
        return visits[window] === true
          ? { law: (b, n) => 1.35 * twoResources(b, n), slo, pauses: { share: 0.15, meanMs: 40 } }
          : { law: twoResources, slo };
      };
      const { points } = drive(new JointScaler(limits), visits.length, worldAt, seed);
      points.slice(20, visits.length).forEach((point, i) => {
        if (visits[i + 20] === true) return;
        const isOver = 1.107 * twoResources(point.batchSize, point.instances) > 1.02 * slo;
        shares.push(isOver ? 0 : Math.min(1, perMs(twoResources, point) / best));
      });
    }
    expect(shares.reduce((sum, share) => sum + share, 0) / shares.length).toBeGreaterThan(0.93);
  });
});
