import { describe, expect, it } from 'vitest';
import { VirtualClock } from '../../simulator/virtual-clock.ts';
import { answered, load, shed } from './testing/virtual-load.ts';

describe('LoadRun on a generator that is too slow', () => {
  /** Time during which no timer fires, as when the process gets no processor. */
  class BlockedClock extends VirtualClock {
    readonly #fromMs: number;
    readonly #toMs: number;

    constructor(fromMs: number, toMs: number) {
      super();
      this.#fromMs = fromMs;
      this.#toMs = toMs;
    }

    override setTimer(delayMs: number, fire: () => void) {
      const atMs = this.nowMs() + delayMs;
      const isBlocked = atMs > this.#fromMs && atMs < this.#toMs;
      return super.setTimer(isBlocked ? this.#toMs - this.nowMs() : delayMs, fire);
    }
  }

  it('counts its own lag into latencies and says that it fell behind', async () => {
    const { result } = await load(() => [answered, 10], {}, new BlockedClock(2000, 2500));
    expect(result).toMatchObject({ sent: 1000, unsent: 0 });
    expect(result.lagMs.max).toBeCloseTo(490, 0);
    expect(result.latencyMs.max).toBeCloseTo(500, 0);
    expect(result.sinceSentMs.p99).toBeCloseTo(10, 1);
    expect(result.notes.join()).toMatch(/the generator fell behind: 1% of the requests left/);
  });

  it('drops what it could only send more than a second late, and counts it as missed', async () => {
    const { result } = await load(() => [answered, 10], {}, new BlockedClock(2000, 5000));
    expect(result.unsent).toBeGreaterThan(190);
    expect(result.sent + result.unsent).toBe(1000);
    expect(result.lagMs.max).toBeLessThanOrEqual(1000);
    expect(result.sloAttainment).toBeCloseTo((result.sent - 105) / 1000, 1);
    expect(result.verdict).toBe('not-held');
    expect(result.notes.join()).toMatch(/arrivals were not sent, being over 1000 ms late/);
  });
});

describe('LoadRun in a closed loop', () => {
  const closed = (concurrency: number) => ({
    pattern: { kind: 'closed', concurrency } as const,
    maxInFlight: concurrency,
  });

  it('keeps as many requests under way as asked for', async () => {
    const { result } = await load(() => [answered, 20], closed(4));
    expect(result.throughputPerS).toBeCloseTo(200, 6);
    expect(result.latencyMs.p99).toBe(20);
    expect(result.lagMs.max).toBeNaN();
    expect(result.verdict).toBe('held');
  });

  it('pauses after what was not answered instead of hammering', async () => {
    const { result, target } = await load(() => [shed, 1], closed(1));
    expect(target.sent).toBeGreaterThan(90);
    expect(target.sent).toBeLessThan(101);
    expect(result.shed).toBe(target.sent);
  });

  it('leaves the warm-up out', async () => {
    const { result } = await load((sentMs) => [answered, sentMs < 1000 ? 500 : 10], {
      ...closed(1),
      warmupMs: 1000,
    });
    expect(result.latencyMs.max).toBe(10);
    expect(result.sent).toBe(1000);
  });
});
