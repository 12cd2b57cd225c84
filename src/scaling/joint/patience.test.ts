import { describe, expect, it } from 'vitest';
import { Patience } from './patience.ts';
import type { Reading } from './knowledge/readings.ts';

const reading: Reading = {
  point: { batchSize: 4, instances: 2 },
  ...{ batchSize: 4, instances: 2, latencyMs: 10, relativeSd: 0.01 },
  ...{ calls: 100, logTail: 0.1, tailMs: 1000, tailCalls: 100, isStale: false },
  newest: {
    ...{ batchSize: 4, instances: 2, latencyMs: 10, relativeSd: 0.01 },
    ...{ startMs: 0, endMs: 1000 },
  },
};

describe('Patience', () => {
  it('asks for more with every move, and in the end for what nothing can promise', () => {
    const patience = new Patience();
    let demand = patience.demand;
    for (let move = 0; move < 12; move += 1) {
      patience.spend();
      expect(patience.demand).toBeGreaterThan(demand);
      demand = patience.demand;
    }
    expect(patience.isExhausted).toBe(true);
    expect(demand).toBe(Number.POSITIVE_INFINITY);
    expect(patience.isSpent).toBe(false);
    for (let move = 0; move < 6; move += 1) patience.spend();
    expect(patience.isSpent).toBe(true);
  });

  it('lets go back to clearly more throughput where it is short, however often that was done', () => {
    const patience = new Patience();
    expect(patience.allowsReturn('closed', 1)).toBe(true);
    for (let move = 0; move < 18; move += 1) patience.spend();
    expect(patience.allowsReturn('closed', 1.05)).toBe(false);
    expect(patience.allowsReturn('closed', 1.2)).toBe(true);
    expect(patience.allowsReturn('late', 2)).toBe(false);
    expect(patience.allowsReturn('overloaded', 1.04)).toBe(false);
    expect(patience.allowsReturn('overloaded', 1.1)).toBe(true);
  });

  it('never keeps a point that breaks the SLO for want of moves', () => {
    const patience = new Patience();
    for (let move = 0; move < 18; move += 1) patience.spend();
    expect(patience.allowsReturn('closed', 0.8)).toBe(true);
  });

  it('stays settled while calls are alike, and looks around after a while', () => {
    const patience = new Patience();
    patience.settleAt(reading, 'closed');
    for (let window = 0; window < 32; window += 1) {
      expect(patience.isSettledAt(reading, 'closed')).toBe(true);
    }
    expect(patience.isSettledAt(reading, 'closed')).toBe(false);
  });

  it('looks around half as often each time, until the world changes', () => {
    const patience = new Patience();
    const windowsUntilLook = (): number => {
      patience.settleAt(reading, 'closed');
      let windows = 1;
      while (patience.isSettledAt(reading, 'closed')) windows += 1;
      return windows;
    };
    expect([windowsUntilLook(), windowsUntilLook(), windowsUntilLook()]).toEqual([33, 65, 129]);
    patience.renew();
    expect(windowsUntilLook()).toBe(33);
  });

  it('takes more for noise where no point holds the SLO', () => {
    const patience = new Patience();
    const slower = { ...reading, latencyMs: 1.03 * reading.latencyMs };
    patience.settleAt(reading, 'closed', { isHopeless: true });
    expect(patience.isHopeless).toBe(true);
    expect(patience.isSettledAt(slower, 'closed')).toBe(true);
    patience.settleAt(reading, 'closed');
    expect(patience.isHopeless).toBe(false);
    expect(patience.isSettledAt(slower, 'closed')).toBe(false);
  });

  it('looks around after a while however calls differ, on a machine that wanders', () => {
    for (const wanders of [false, true]) {
      const patience = new Patience();
      for (let move = 0; move < 18; move += 1) patience.spend();
      for (let window = 0; window < 34; window += 1) {
        const now = { ...reading, latencyMs: window % 2 === 0 ? 10 : 11 };
        expect(patience.isSettledAt(now, 'closed')).toBe(false);
        patience.settleAt(now, 'closed', { wanders });
      }
      expect(patience.isExhausted).toBe(!wanders);
    }
  });

  it('is no longer settled when calls take longer under a closed loop', () => {
    const patience = new Patience();
    patience.settleAt(reading, 'closed');
    expect(patience.isSettledAt({ ...reading, latencyMs: 11 }, 'closed')).toBe(false);
  });

  it('leaves a point once that more requests come to than it can answer', () => {
    const patience = new Patience();
    patience.settleAt(reading, 'late');
    expect(patience.isSettledAt(reading, 'late')).toBe(true);
    expect(patience.isSettledAt(reading, 'overloaded')).toBe(false);
    patience.settleAt(reading, 'overloaded');
    expect(patience.isSettledAt(reading, 'overloaded')).toBe(true);
  });
});
