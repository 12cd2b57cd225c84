import type { LoadKind } from './load.ts';
import type { Reading } from './knowledge/readings.ts';

/** Moves after which the gain that another one has to promise has doubled; it rises with the cube. */
const movesToDouble = 9;
/** Moves after which only known points are gone to. */
const mostMoves = 12;
/** Moves between known points after that. */
const returnsAllowed = 2;
/** This many times the throughput, where it follows the point, is always gone to, as is this much faster. */
const clearlyMore = 1.05;
/** Moves that a change of the world is worth: what was learnt before still tells most. */
const movesAfterChange = 7;
/** Leaving a point once settled has to promise this many times as much. */
const demandOnceSettled = 4;
/**
 * Windows after which a settled scaler looks around again, each time twice as many up to the most, and the
 * moves that it may then search by.
 */
const windowsUntilLook = 32;
const mostWindowsUntilLook = 1024;
const movesPerLook = 2;
/** Changes of the mean and of the tail (logarithms) that count as noise while settled, */
const noise = { mean: 0.005, tail: 0.004 };
/** and where no point holds the SLO: windows are short there, and it has to come into reach first. */
const noiseWithoutHope = { mean: 0.05, tail: 0.2 };

/**
 * Makes a search end: the longer it has gone on, the more another move has to promise, and once a
 * point was settled on, it takes more to leave it. A change of the world renews it.
 */
export class Patience {
  #moves = 0;
  #hasSettled = false;
  #settled: {
    readonly logMs: number;
    readonly logTail: number;
    readonly load: LoadKind;
    readonly isHopeless: boolean;
  } | null = null;
  /** Since it settled, see `settleAt`. */
  #windows = 0;
  #untilLook = windowsUntilLook;

  /** Multiplies the gain that a move has to promise. */
  get demand(): number {
    if (this.#moves >= mostMoves) return Number.POSITIVE_INFINITY;
    const growth = 1 + (this.#moves / movesToDouble) ** 3;
    return growth * (this.#hasSettled ? demandOnceSettled : 1);
  }

  get isExhausted(): boolean {
    return this.#moves >= mostMoves;
  }

  /** Settled at some point since the world last changed. */
  get hasSettled(): boolean {
    return this.#hasSettled;
  }

  /** Settled where no point is known to hold the SLO. */
  get isHopeless(): boolean {
    return this.#settled?.isHopeless === true;
  }

  /** Gone back and forth between known points for long enough: none of them is clearly the best. */
  get isSpent(): boolean {
    return this.#moves >= mostMoves + returnsAllowed;
  }

  /**
   * Whether the best known point may be gone to, of so many times the throughput of this one. Where that
   * is less, it is the best because this one does not hold the SLO, and nothing is to keep it.
   */
  allowsReturn(load: LoadKind, timesThroughput: number): boolean {
    if (!this.isSpent) return true;
    if (timesThroughput > clearlyMore) return load === 'closed' || load === 'overloaded';
    return load === 'closed' && timesThroughput < 1;
  }

  /** Whether calls so many times as long are left for the fastest known, where no point holds the SLO. */
  allowsRetreat(timesAsLong: number): boolean {
    return !this.isSpent || timesAsLong > clearlyMore;
  }

  spend(): void {
    this.#moves += 1;
    this.#settled = null;
    this.#windows = 0;
  }

  /** The SLO or the machine's speed has changed. */
  renew(): void {
    this.#moves = Math.min(this.#moves, mostMoves - movesAfterChange);
    this.#hasSettled = false;
    this.#settled = null;
    this.#windows = 0;
    this.#untilLook = windowsUntilLook;
  }

  /**
   * @param wanders whether the machine's speed does. There, and where requests arrive by themselves, each
   *   window teaches something, so that it is time to look around again however calls differ; elsewhere
   *   windows count from here on
   * @param isHopeless no point is known to hold the SLO
   */
  settleAt(
    reading: Reading,
    load: LoadKind,
    { wanders = false, isHopeless = false }: { wanders?: boolean; isHopeless?: boolean } = {},
  ): void {
    this.#hasSettled = true;
    const { latencyMs, logTail } = reading;
    this.#settled = { logMs: Math.log(latencyMs), logTail, load, isHopeless };
    if (load === 'closed' && !wanders && !isHopeless) this.#windows = 0;
  }

  /**
   * True while the point settled on behaves as it did, and it is not time to look around; once not where
   * more requests have begun to come than it can answer. Where requests arrive by themselves batches and
   * with them calls differ, so that else only time counts.
   */
  isSettledAt(reading: Reading, load: LoadKind): boolean {
    this.#windows += 1;
    if (this.#windows > this.#untilLook) {
      this.#windows = 0;
      // Under an open load what is best changes with the requests, not only with the machine.
      if (load === 'closed') this.#untilLook = Math.min(mostWindowsUntilLook, 2 * this.#untilLook);
      this.#settled = null;
      this.#moves = Math.min(this.#moves, mostMoves - movesPerLook);
    }
    if (this.#settled === null) return false;
    if (load === 'overloaded' && this.#settled.load !== 'overloaded') {
      this.#settled = null;
      return false;
    }
    if (load !== 'closed') return true;
    const { logMs, logTail, isHopeless } = this.#settled;
    const same = isHopeless ? noiseWithoutHope : noise;
    return (
      Math.abs(Math.log(reading.latencyMs) - logMs) < same.mean &&
      Math.abs(reading.logTail - logTail) < same.tail
    );
  }
}
