import { meanLogMs, sdOfLog } from '../model/belief.ts';
import type { Reading, Readings } from './readings.ts';
import { isFull } from './is-full.ts';
import { shiftBetween } from './shift.ts';

/** So many are remembered. */
const mostWorlds = 3;
/** Standard deviations from which on a latency is not what was believed, */
const clearSurprise = 2;
/** and the least difference (logarithm) that is worth a doubt. */
const leastSurprise = 0.08;
/** A belief with a larger standard deviation (logarithm) would explain anything. */
const vague = 0.15;

/**
 * The machine as it was read before its speed changed: a neighbour that comes and goes leaves it as
 * it was. So what was known then need not be found out again.
 */
export class PastWorlds {
  #worlds: readonly Readings[] = [];

  /** The machine is about to be judged to have changed; a world that is mostly guessed is none. */
  add(readings: Readings): void {
    const { all } = readings;
    if (2 * all.filter(({ isStale }) => isStale).length > all.length) return;
    this.#worlds = [readings.copy(), ...this.#worlds].slice(0, mostWorlds);
  }

  /** Tails are those of another percentile. */
  forget(): void {
    this.#worlds = [];
  }

  /**
   * The world in which a reading is what had to be expected, where now it is not; it is present then,
   * and no longer past, and the present one is past. Undefined where there is none.
   */
  exchange(now: Reading, present: Readings): Readings | undefined {
    if (this.#worlds.length === 0 || !isFull(now)) return undefined;
    const { wanderSd } = present;
    const here = compare(present, now, wanderSd);
    if (here.isExpected) return undefined;
    const [found] = this.#worlds
      .map((readings) => ({ readings, ...compare(readings, now, wanderSd) }))
      .filter(({ isExpected, isVague }) => isExpected && !isVague)
      .sort((a, b) => Math.abs(a.logShift) - Math.abs(b.logShift));
    if (found === undefined) return undefined;
    this.#worlds = this.#worlds.filter((world) => world !== found.readings);
    this.add(present);
    return found.readings;
  }
}

interface Comparison {
  readonly isExpected: boolean;
  readonly isVague: boolean;
  /** Of what was read over what had to be expected (logarithm). */
  readonly logShift: number;
}

function compare(world: Readings, now: Reading, wanderSd: number): Comparison {
  const before = world.at(now.point);
  if (before !== undefined && isFull(before)) {
    const shift = shiftBetween(before, now, world.logTailAt(before), wanderSd);
    const logShift = shift?.logShift ?? Math.log(now.latencyMs / before.latencyMs);
    return { isExpected: shift === undefined, isVague: false, logShift };
  }
  const belief = world.model(now.newest).predict(now.batchSize, now.instances);
  const sd = Math.hypot(sdOfLog(belief), wanderSd);
  const logShift = Math.log(now.latencyMs) - meanLogMs(belief);
  const isExpected = Math.abs(logShift) < Math.max(leastSurprise, clearSurprise * sd);
  return { isExpected, isVague: sd > vague, logShift };
}
