import { describe, expect, it } from 'vitest';
import { Knowledge } from './knowledge.ts';
import type { Reading } from './readings.ts';
import { nearFuture } from '../model/wander.ts';

/** One second at one point. */
function reading(second: number, batchSize: number, latencyMs: number): Reading {
  const here = { batchSize, instances: 1, latencyMs, relativeSd: 0.01 };
  return {
    ...here,
    point: { batchSize, instances: 1 },
    ...{ calls: 100, logTail: 0.1, tailMs: 1000, tailCalls: 100, isStale: false },
    newest: { ...here, startMs: 1000 * second, endMs: 1000 * second + 1000 },
  };
}

function knowledgeOf(readings: readonly Reading[]): Knowledge {
  const knowledge = new Knowledge();
  for (const one of readings) knowledge.learn(one);
  return knowledge;
}

describe('Knowledge', () => {
  it('takes a single window that contradicts for a hiccup', () => {
    const knowledge = knowledgeOf([reading(0, 1, 4), reading(1, 8, 10)]);
    expect(knowledge.learn(reading(2, 8, 16))).toEqual({ here: null, hasChanged: false });
    const { here, hasChanged } = knowledge.learn(reading(3, 8, 10));
    expect(here?.latencyMs).toBeCloseTo(10, 1);
    expect(hasChanged).toBe(false);
    expect(knowledge.readings.at({ batchSize: 1, instances: 1 })?.latencyMs).toBeCloseTo(4, 1);
  });

  it('takes two in a row for a change, which all points share', () => {
    const knowledge = knowledgeOf([reading(0, 1, 4), reading(1, 8, 10)]);
    knowledge.learn(reading(2, 8, 16));
    const { here, hasChanged } = knowledge.learn(reading(3, 8, 16));
    expect(here?.latencyMs).toBeCloseTo(16, 1);
    expect(hasChanged).toBe(true);
    expect(knowledge.readings.at({ batchSize: 1, instances: 1 })?.latencyMs).toBeCloseTo(6.4, 1);
  });

  it('knows a machine again that has been as it is now', () => {
    const knowledge = knowledgeOf([
      ...[reading(0, 1, 4), reading(1, 8, 10)],
      ...[reading(2, 8, 16), reading(3, 8, 16), reading(4, 8, 16)],
      reading(5, 8, 10),
    ]);
    expect(knowledge.learn(reading(6, 8, 10)).hasChanged).toBe(true);
    expect(knowledge.readings.at({ batchSize: 1, instances: 1 })?.latencyMs).toBeCloseTo(4, 1);
  });

  it('takes no change for one that a machine makes by itself all the time', () => {
    // The speed is never the same for two seconds: what comes next is within what was.
    const wandering = [
      10, 10.8, 10, 10.9, 10.1, 11.6, 9, 10.8, 8.8, 11.4, 9.4, 10.6, 8.9, 11.2, 9.6, 11,
    ];
    const knowledge = new Knowledge();
    let changes = 0;
    wandering.forEach((latencyMs, second) => {
      const { hasChanged } = knowledge.learn(reading(second, 8, latencyMs));
      knowledge.readings.model(nearFuture(1000 * second + 1000));
      if (hasChanged) changes += 1;
    });
    expect(knowledge.readings.wanderSd).toBeGreaterThan(0.05);
    expect(changes).toBe(0);
  });
});
