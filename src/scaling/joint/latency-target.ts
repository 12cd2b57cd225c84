import type { Slo } from '../../slo.ts';
import type { Tail } from './model/tail.ts';

/** Share of the tail seen that is kept as a margin under the SLO when going somewhere. */
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
 * with the spread of calls is kept from it, since a window's percentile is noisy, too. Requests that
 * arrive by themselves find all n instances busy, the next of which is free within a call's time over n.
 */
export class LatencyTarget {
  readonly #logSlo: number;
  readonly #tail: Tail;
  readonly #isOpen: boolean;
  readonly #mostLogMs: number;

  /** @param tail the one common to all points */
  constructor(slo: Slo, tail: Tail, options: TargetOptions = { isOpen: false }) {
    this.#logSlo = Math.log(slo.limitMs);
    this.#tail = tail;
    this.#isOpen = options.isOpen;
    this.#mostLogMs = options.mostLogMs ?? Number.POSITIVE_INFINITY;
  }

  /** The mean call latency to aim for when going to so many instances. */
  logAimMs(instances: number): number {
    const { seen, lasting } = this.#tail;
    const margin = Math.max(leastMargin, aimMargin * seen);
    return Math.min(this.#mostLogMs, this.#logLimitMs(instances) - lasting - margin);
  }

  /**
   * Whether a point with this mean latency is good to stay at.
   *
   * @param lastingTail the point's own
   */
  holds(logMs: number, lastingTail: number, instances: number): boolean {
    const margin = Math.max(leastMargin / 2, stayMargin * this.#tail.seen);
    return logMs <= this.#mostLogMs && logMs + lastingTail <= this.#logLimitMs(instances) - margin;
  }

  #logLimitMs(instances: number): number {
    return this.#logSlo - (this.#isOpen ? Math.log1p(1 / instances) : 0);
  }
}
