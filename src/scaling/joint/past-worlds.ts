import { meanLogMs, sdOfLog } from './belief.ts';
import { LatencyModel } from './latency-model.ts';
import type { Reading } from './readings.ts';
import { Readings, isFull } from './readings.ts';
import { shiftBetween } from './shift.ts';

/** So many are remembered. */
const mostWorlds = 3;
/** Standard deviations from which on a latency is not what was believed, */
const clearSurprise = 2;
/** and the least difference (logarithm) that is worth a doubt. */
const leastSurprise = 0.08;

/**
 * The machine as it was read before its speed changed: a neighbour that comes and goes leaves it as
 * it was. So what was known then need not be found out again.
 */
export class PastWorlds {
  #worlds: readonly Readings[] = [];

  /** The machine is about to be judged to have changed. */
  add(readings: Readings): void {
    this.#worlds = [new Readings(readings.all), ...this.#worlds].slice(0, mostWorlds);
  }

  /**
   * The world in which a reading is what had to be expected, where now it is not; it is present then,
   * and no longer past, and the present one is past. Undefined where there is none.
   *
   * @param volatilitySd how much the speed wanders by itself from one window to another (logarithm)
   */
  exchange(now: Reading, present: Readings, volatilitySd: number): Readings | undefined {
    if (!isFull(now) || isExpectedIn(present, now, volatilitySd)) return undefined;
    const past = this.#worlds.find((world) => isExpectedIn(world, now, volatilitySd));
    if (past === undefined) return undefined;
    const others = this.#worlds.filter((world) => world !== past);
    this.#worlds = [new Readings(present.all), ...others];
    return past;
  }
}

function isExpectedIn(world: Readings, now: Reading, volatilitySd: number): boolean {
  const before = world.at(now.point);
  if (before !== undefined) {
    const shift = shiftBetween(before, now, world.logTailAt(before), volatilitySd);
    return shift === undefined || shift.logShift === 0;
  }
  const belief = new LatencyModel(world.uncertainBy(volatilitySd)).predict(
    now.batchSize,
    now.instances,
  );
  const surprise = Math.abs(Math.log(now.latencyMs) - meanLogMs(belief));
  return surprise < Math.max(leastSurprise, clearSurprise * sdOfLog(belief));
}
