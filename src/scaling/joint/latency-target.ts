import type { Slo } from '../../slo.ts';

/** Share of the tail that is kept as a margin under the SLO when going somewhere. */
const aimMargin = 0.3;
/** The same for staying: smaller, so that noise does not drive the scaler off its own choice. */
const stayMargin = 0.2;
/** A margin is at least this, as a share of the SLO, and half of it for staying. */
const leastMargin = 0.01;

export interface TargetOptions {
  /** Requests arrive by a clock of their own: they wait for an instance. */
  readonly isOpen: boolean;
  /** Logarithm of the mean call latency that is not to be passed in any case. */
  readonly mostLogMs?: number;
}

/**
 * Up to which latency a point counts as holding the SLO: in logarithms of ms. A margin that grows
 * with the noise is kept from it, since a window's percentile is noisy, too. Requests that arrive by
 * themselves find all n instances busy, the next of which is free within a call's time over n.
 */
export class LatencyTarget {
  readonly #logSlo: number;
  readonly #logTail: number;
  readonly #isOpen: boolean;
  readonly #mostLogMs: number;

  /** @param logTail logarithm of the latency at the SLO's percentile over the mean */
  constructor(slo: Slo, logTail: number, options: TargetOptions = { isOpen: false }) {
    this.#logSlo = Math.log(slo.limitMs);
    this.#logTail = logTail;
    this.#isOpen = options.isOpen;
    this.#mostLogMs = options.mostLogMs ?? Number.POSITIVE_INFINITY;
  }

  /** The mean call latency to aim for when going to so many instances. */
  logAimMs(instances: number): number {
    const margin = Math.max(leastMargin, aimMargin * this.#logTail);
    return Math.min(this.#mostLogMs, this.#logLimitMs(instances) - this.#logTail - margin);
  }

  /** Whether a point with this mean latency and tail is good to stay at. */
  holds(logMs: number, logTail: number, instances: number): boolean {
    const margin = Math.max(leastMargin / 2, stayMargin * this.#logTail);
    return logMs <= this.#mostLogMs && logMs + logTail <= this.#logLimitMs(instances) - margin;
  }

  #logLimitMs(instances: number): number {
    return this.#logSlo - (this.#isOpen ? Math.log1p(1 / instances) : 0);
  }
}
