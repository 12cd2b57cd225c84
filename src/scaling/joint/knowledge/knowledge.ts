import type { OperatingPoint } from '../../../operating-point.ts';
import { sameKnobs } from '../../../operating-point.ts';
import { isFull } from './is-full.ts';
import { PastWorlds } from './past-worlds.ts';
import type { Reading } from './readings.ts';
import { Readings } from './readings.ts';
import type { Shift } from './shift.ts';
import { isSurprising, shiftBetween } from './shift.ts';

/** What a reading has added. */
export interface Lesson {
  /** What is now known of the reading's point; null where it contradicts what was, and may be a hiccup. */
  readonly here: Reading | null;
  /** The machine is not as it was. */
  readonly hasChanged: boolean;
}

/** What was read of the machine as it is now, and as it was before it changed. */
export class Knowledge {
  #readings = new Readings();
  readonly #past = new PastWorlds();
  /** The last reading, where it was no more than a reason to measure again. */
  #doubted: Reading | null = null;

  get readings(): Readings {
    return this.#readings;
  }

  /** Another percentile is asked for: tails of the past are of no use. */
  forgetPast(): void {
    this.#past.forget();
  }

  /**
   * Takes a reading in. Where it contradicts what was read since the machine's speed last changed,
   * that may be a hiccup, or a window of which only a part was after a change. Where the next one does
   * so too, the speed has changed again. Where it contradicts older readings, or a new point is not as
   * was to be expected, the last change was misjudged, or undone.
   */
  learn(now: Reading): Lesson {
    const before = this.#readings.at(now.point);
    const doubted = this.#takeDoubted(now.point);
    if (before === undefined) return this.#recall(now) ?? this.#record(now);
    const tailBefore = this.#readings.logTailAt(before);
    const shift = shiftBetween(before, now, tailBefore, this.#readings.wanderSd);
    if (shift === undefined || (!before.isStale && this.#isWander(shift))) {
      // Where the speed wanders, a hiccup is a part of that.
      if (doubted !== null && this.#readings.wanderSd > 0) this.#readings.recordWindow(doubted);
      return this.#record(now, before.isStale);
    }
    if (shift.reading === before) return { here: before, hasChanged: false };
    if (shift.logShift === 0 && !shift.isOfTail) return this.#record(shift.reading, true);
    if (!before.isStale && doubted === null) {
      this.#doubted = now;
      return { here: null, hasChanged: false };
    }
    return this.#recall(now) ?? this.#change(shift, before.isStale);
  }

  /** Doubt does not outlast the next reading, and does not carry over to another point. */
  #takeDoubted(point: OperatingPoint): Reading | null {
    const doubted = this.#doubted;
    this.#doubted = null;
    return doubted !== null && sameKnobs(doubted.point, point) ? doubted : null;
  }

  #record(reading: Reading, replaces = false): Lesson {
    return { here: this.#readings.record(reading, replaces), hasChanged: false };
  }

  #change({ reading, logShift, isOfTail }: Shift, wasStale: boolean): Lesson {
    if (wasStale) this.#readings.correct(logShift);
    else {
      this.#past.add(this.#readings);
      if (logShift !== 0) this.#readings.shift(logShift);
    }
    if (isOfTail) this.#readings.doubtTails();
    return { here: this.#readings.record(reading, true), hasChanged: !wasStale };
  }

  /** Where the speed wanders, what is known of one point alone may be of a time when it was another. */
  #isWander({ reading: { newest }, logShift, isOfTail }: Shift): boolean {
    if (this.#readings.wanderSd === 0 || logShift === 0 || isOfTail) return false;
    const model = this.#readings.model(newest);
    return !isSurprising(newest, model.predict(newest.batchSize, newest.instances));
  }

  /** Where the machine is again as it was some time ago, so is what is known of it. */
  #recall(now: Reading): Lesson | undefined {
    const recalled = this.#past.exchange(now, this.#readings);
    if (recalled === undefined) return undefined;
    this.#readings = recalled;
    const before = recalled.at(now.point);
    const here = recalled.record(now, before !== undefined && !isFull(before));
    return { here, hasChanged: true };
  }
}
