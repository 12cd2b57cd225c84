import type { LoadKind } from './load.ts';
import type { Reading } from './readings.ts';

/** Moves after which the gain that another one has to promise has doubled; it rises with the cube. */
const movesToDouble = 9;
/** Moves after which only known points are gone to. */
const mostMoves = 12;
/** Moves between known points after that. */
const returnsAllowed = 6;
/** Where more requests come than are answered, this many times the throughput is always gone to. */
const clearlyMore = 1.05;
/** Another known point has to be this many times better, and so many once settled. */
const clearlyBetter = 1.01;
const clearlyBetterOnceSettled = 1.02;
/** Moves that a change of the world is worth: what was learnt before still tells most. */
const movesAfterChange = 7;
/** Leaving a point once settled has to promise this many times as much. */
const demandOnceSettled = 4;
/** Windows after which a settled scaler looks around again, and the moves that it may then make. */
const windowsUntilLook = 32;
const movesPerLook = 2;
/** Changes of the mean and of the tail (logarithms) that count as noise while settled. */
const sameMean = 0.005;
const sameTail = 0.004;

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
  } | null = null;
  #windows = 0;

  /** Multiplies the gain that a move has to promise. */
  get demand(): number {
    if (this.#moves >= mostMoves) return Number.POSITIVE_INFINITY;
    const growth = 1 + (this.#moves / movesToDouble) ** 3;
    return growth * (this.#hasSettled ? demandOnceSettled : 1);
  }

  /** How many times better than the point in use another known one has to be. */
  get clearlyBetter(): number {
    return this.#hasSettled ? clearlyBetterOnceSettled : clearlyBetter;
  }

  get isExhausted(): boolean {
    return this.#moves >= mostMoves;
  }

  /** Gone back and forth between known points for long enough: none of them is clearly the best. */
  get isSpent(): boolean {
    return this.#moves >= mostMoves + returnsAllowed;
  }

  /** Whether a known point of so many times the throughput of this one may be gone to. */
  allowsReturn(load: LoadKind, timesThroughput: number): boolean {
    return !this.isSpent || (load === 'overloaded' && timesThroughput > clearlyMore);
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
  }

  settleAt(reading: Reading, load: LoadKind): void {
    this.#hasSettled = true;
    this.#settled = { logMs: Math.log(reading.latencyMs), logTail: reading.logTail, load };
  }

  /**
   * True while the point settled on behaves as it did, and it is not time to look around; once not where
   * more requests have begun to come than it can answer. Where requests arrive by themselves batches and
   * with them calls differ, so that else only time counts.
   */
  isSettledAt(reading: Reading, load: LoadKind): boolean {
    this.#windows += 1;
    if (this.#windows > windowsUntilLook) {
      this.#windows = 0;
      this.#settled = null;
      this.#moves = Math.min(this.#moves, mostMoves - movesPerLook);
    }
    if (this.#settled === null) return false;
    if (load === 'overloaded' && this.#settled.load !== 'overloaded') {
      this.#settled = null;
      return false;
    }
    if (load !== 'closed') return true;
    const { logMs, logTail } = this.#settled;
    return (
      Math.abs(Math.log(reading.latencyMs) - logMs) < sameMean &&
      Math.abs(reading.logTail - logTail) < sameTail
    );
  }
}
