import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../random.ts';
import { makeSlo } from '../../slo.ts';
import { poissonArrivals, traceArrivals } from '../../workload/arrivals.ts';
import type { LoadResult } from './load-result.ts';
import type { Reply, Service } from './testing/virtual-load.ts';
import { answered, begin, broken, load, refused, shed } from './testing/virtual-load.ts';

/** A server that works on one request at a time, except while it stalls. */
function oneAtATime(serviceMs: number, stall: { fromMs: number; toMs: number }): Service {
  let freeMs = 0;
  return (sentMs) => {
    let startMs = Math.max(sentMs, freeMs);
    if (startMs >= stall.fromMs && startMs < stall.toMs) startMs = stall.toMs;
    freeMs = startMs + serviceMs;
    return [answered, freeMs - sentMs];
  };
}

describe('LoadRun in an open loop', () => {
  it('sends at the rate asked for and measures each request', async () => {
    const { result, target } = await load(() => [answered, 10]);
    expect(target.sent).toBe(1000);
    expect(result).toMatchObject({
      verdict: 'held',
      sent: 1000,
      answered: 1000,
      shed: 0,
      errors: 0,
      unsent: 0,
      goodputPerS: 100,
      sloAttainment: 1,
      controlledMs: 10,
      durationMs: 10_000,
      errorsByReason: {},
      notes: [],
    });
    expect(result.latencyMs).toMatchObject({ p50: 10, p95: 10, p99: 10, max: 10 });
    expect(result.lagMs).toEqual({ p50: 0, p99: 0, max: 0 });
    // The request that is due at the very end is answered after it.
    expect(result.throughputPerS).toBeCloseTo(99.9, 6);
  });

  it('shows a stall in the latency of all who came during it', async () => {
    const service = oneAtATime(1, { fromMs: 5000, toMs: 6000 });
    const { result } = await load(service, { slo: makeSlo(50, 0.9) });
    // Of 1000 requests some 100 came while nothing moved, 95 of them over 50 ms before it moved on.
    expect(result.answered).toBe(1000);
    expect(result.latencyMs.p50).toBeLessThan(2);
    expect(result.latencyMs.p95).toBeGreaterThan(500);
    expect(result.latencyMs.p99).toBeGreaterThan(900);
    expect(result.latencyMs.max).toBeCloseTo(1001, 0);
    expect(result.sloAttainment).toBeGreaterThan(0.88);
    expect(result.sloAttainment).toBeLessThan(0.91);
  });

  it('counts from when a request was due when all connections are busy', async () => {
    const stalled = oneAtATime(1, { fromMs: 5000, toMs: 6000 });
    const { result } = await load(stalled, { maxInFlight: 1 });
    expect(result.latencyMs.p99).toBeGreaterThan(900);
    // What the server itself saw looks fine: nearly all that was slow waited outside.
    expect(result.sinceSentMs.p99).toBeLessThan(10);
    expect(result.notes.join()).toMatch(/1\d\d of the requests found all 1 connections busy/);
  });

  it('gives a request up when its patience ends, and holds the wait against the server', async () => {
    const { result } = await load((_sentMs, index) =>
      index % 2 === 0 ? ['never', 0] : [answered, 1],
    );
    expect(result).toMatchObject({ sent: 1000, answered: 500, errors: 500, verdict: 'not-held' });
    expect(result.errorsByReason).toEqual({ 'timed out': 500 });
    expect(result.latencyMs.p95).toBeCloseTo(5000, -1);
    expect(result.durationMs).toBe(10_000);
    expect(result.windows.at(-1)?.timeMs).toBe(14_990);
  });

  it('gives up what never got a connection too', async () => {
    const { result, target } = await load(() => [answered, 4000], { maxInFlight: 10 });
    expect(target.sent).toBeLessThan(60);
    expect(result.errorsByReason['no connection in time']).toBeGreaterThan(900);
    expect(result.answered + result.errors).toBe(1000);
  });

  it('counts shed and failed requests as not within the SLO', async () => {
    const { result } = await load((_sentMs, index) =>
      index % 10 === 0 ? [shed, 1] : index % 10 === 1 ? [broken, 1] : [answered, 10],
    );
    expect(result).toMatchObject({
      verdict: 'not-held',
      sent: 1000,
      answered: 800,
      shed: 100,
      errors: 100,
      errorsByReason: { 'HTTP 500': 100 },
      sloAttainment: 0.8,
      goodputPerS: 80,
    });
    // A quick refusal makes no latency look better.
    expect(result.latencyMs.p50).toBe(10);
    expect(result.notes).toEqual([
      '100 of the requests failed: HTTP 500; the first: oh',
      '100 of the requests were shed; the first: full',
    ]);
  });

  it('leaves the warm-up out', async () => {
    const slowAtFirst: Service = (sentMs) => [answered, sentMs < 2000 ? 900 : 10];
    const { result, target } = await load(slowAtFirst, { warmupMs: 2000 });
    expect(target.sent).toBe(1200);
    expect(result.sent).toBe(1001); // both ends of [2 s, 12 s]
    expect(result.latencyMs.max).toBe(10);
    expect(result.durationMs).toBe(10_000);
    expect(result.windows.map(({ isWarmUp }) => isWarmUp)).toEqual([
      true,
      true,
      ...Array.from({ length: result.windows.length - 2 }, () => false),
    ]);
  });

  it('ends with the last arrival of a trace', async () => {
    const arrivals = traceArrivals([0, 5, 5, 300, 2000]);
    const { result } = await load(() => [answered, 10], { pattern: { kind: 'open', arrivals } });
    expect(result).toMatchObject({ sent: 5, answered: 5, durationMs: 2000 });
  });

  it('ends at once without arrivals, and says so', async () => {
    const arrivals = traceArrivals([]);
    const { result } = await load(() => [answered, 10], { pattern: { kind: 'open', arrivals } });
    expect(result).toMatchObject({ sent: 0, verdict: 'not-held' });
    expect(result.sloAttainment).toBeNaN();
    expect(result.notes.join()).toMatch(/0 latencies are few/);
  });

  it('stops a load in which every request is refused', async () => {
    const { run, clock, target } = begin(() => [refused, 5]);
    run.start();
    clock.runUntil(60_000);
    await expect(run.finished).rejects.toThrow(
      'the requests are refused: the server answered 400 with: bad shape',
    );
    expect(target.sent).toBeLessThan(20);
  });

  it('goes on when only some are refused', async () => {
    const { result } = await load((_sentMs, index) => (index === 0 ? [answered, 1] : [refused, 1]));
    expect(result.errorsByReason).toEqual({ 'HTTP 400': 999 });
  });

  it('ends when it is stopped, without what is still under way', async () => {
    const { run, clock } = begin((sentMs) => (sentMs < 900 ? [answered, 10] : ['never', 0]));
    run.start();
    clock.runUntil(1000);
    run.stop();
    clock.runUntil(3500);
    const result = await run.finished;
    expect(result).toMatchObject({ sent: 89, answered: 89, durationMs: 1000 });
    expect(result.notes.join()).toMatch(/interrupted with 11 requests under way/);
  });

  it('keeps sums: every request that was due is settled exactly once', async () => {
    const kinds = fc.constantFrom(answered, shed, broken, 'never' as const);
    const plan = fc.array(fc.tuple(kinds, fc.integer({ min: 0, max: 8000 })), { minLength: 1 });
    await fc.assert(
      fc.asyncProperty(
        plan,
        fc.integer({ min: 1, max: 50 }),
        fc.nat(),
        async (replies, most, seed) => {
          const arrivals = poissonArrivals(30, new Random(seed));
          const { result } = await load(
            (_sentMs, index) => replies[index % replies.length] as Reply,
            { pattern: { kind: 'open', arrivals }, maxInFlight: most, warmupMs: 1000 },
          );
          const sum = (pick: (window: LoadResult['windows'][0]) => number): number =>
            result.windows.reduce((total, window) => total + pick(window), 0);
          expect(result.answered + result.shed + result.errors).toBe(result.sent);
          expect(sum(({ sent }) => sent)).toBe(
            sum((window) => window.answered + window.shed + window.errors),
          );
          expect(sum(({ sent }) => sent)).toBeGreaterThanOrEqual(result.sent);
          expect(result.windows.at(-1)?.outstanding).toBe(0);
          expect(result.latencyMs.max || 0).toBeLessThanOrEqual(5000.001);
        },
      ),
      { numRuns: 40 },
    );
  });
});
