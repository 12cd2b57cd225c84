import type { Slo } from '../../slo.ts';

/** Share of the tail that is kept as a margin under the SLO when going somewhere. */
const aimMargin = 0.3;
/** The same for staying: smaller, so that noise does not drive the scaler off its own choice. */
const stayMargin = 0.2;
/** A margin is at least this, as a share of the SLO, and half of it for staying. */
const leastMargin = 0.01;

/**
 * Up to which latency a point counts as holding the SLO: in logarithms of ms. A margin that grows
 * with the noise is kept from it, since a window's percentile is noisy, too.
 */
export class LatencyTarget {
  readonly #logSlo: number;
  readonly #logTail: number;

  /** @param logTail logarithm of the latency at the SLO's percentile over the mean */
  constructor(slo: Slo, logTail: number) {
    this.#logSlo = Math.log(slo.limitMs);
    this.#logTail = logTail;
  }

  /** The mean call latency to aim for when going somewhere. */
  get logAimMs(): number {
    return this.#logSlo - this.#logTail - Math.max(leastMargin, aimMargin * this.#logTail);
  }

  /** Whether a point with this mean latency and tail is good to stay at. */
  holds(logMs: number, logTail: number): boolean {
    const margin = Math.max(leastMargin / 2, stayMargin * this.#logTail);
    return logMs + logTail <= this.#logSlo - margin;
  }
}
