import type { KnobLimits, OperatingPoint } from '../../operating-point.ts';
import { formatPoint } from '../../operating-point.ts';
import type { LatencyTarget } from './latency-target.ts';
import type { Reading, Readings } from './knowledge/readings.ts';
import type { SearchLimits } from './search.ts';

/** A larger batch is worth a look if the last one raised throughput by this power of its size at least. */
const payingElasticity = 0.5;
const stepUp = 1.25;
/** An SLO is tight where it leaves less than this (logarithm) over the fastest calls. */
const tightRoom = 0.7;

/**
 * Laws that no reading contradicts may still be wrong where nothing was read. So before settling
 * there are looks: once each at two instances, if the best is on one and two were never tried, and at larger
 * batches on one instance under a tight SLO; and from each point once at a larger batch, if the last step up
 * raised throughput and the SLO would hold if latencies went on growing as they did.
 */
export class SideLooks {
  readonly #limits: KnobLimits;
  #hasTriedInstances = false;
  /** Points that larger batches were looked at from. */
  readonly #lookedFrom = new Set<string>();
  #hasTriedAlone = false;

  constructor(limits: KnobLimits) {
    this.#limits = limits;
  }

  /** A larger batch may be looked at again. */
  renew(): void {
    this.#lookedFrom.clear();
  }

  /** Where to look next to the best point known; what is not asked for is left for another time. */
  *around(best: Reading, target: LatencyTarget, readings: Readings): Generator<SearchLimits> {
    const { minBatchSize, maxBatchSize, maxInstances } = this.#limits;
    const { instances } = best.point;
    const hasSeenTwo = readings.all.some((reading) => reading.point.instances === 2);
    if (!this.#hasTriedInstances && instances === 1 && !hasSeenTwo && maxInstances > 1) {
      this.#hasTriedInstances = true;
      yield { ...this.#limits, minInstances: 2, maxInstances: 2 };
    }
    if (!this.#hasTriedAlone && instances > 1 && maxBatchSize > minBatchSize) {
      if (isTight(target, readings) && !this.#wasBatched(readings)) {
        this.#hasTriedAlone = true;
        yield { ...this.#limits, minBatchSize: minBatchSize + 1, maxInstances: 1 };
      }
    }
    const largerBatch = this.#largerBatch(best.point);
    const room = target.logAimMs(instances) - Math.log(best.latencyMs);
    const from = formatPoint(best.point);
    if (this.#lookedFrom.has(from) || largerBatch === undefined) return;
    const elasticity = readings.elasticityBelow(best);
    const step = Math.log(largerBatch.minBatchSize / best.point.batchSize);
    if (elasticity < payingElasticity || room < (1 - elasticity) * step) return;
    this.#lookedFrom.add(from);
    yield largerBatch;
  }

  #wasBatched(readings: Readings): boolean {
    return readings.all.some(
      ({ point }) => point.instances === 1 && point.batchSize > this.#limits.minBatchSize,
    );
  }

  #largerBatch({ batchSize, instances }: OperatingPoint): SearchLimits | undefined {
    const { maxBatchSize } = this.#limits;
    if (batchSize >= maxBatchSize) return undefined;
    return {
      minBatchSize: Math.min(maxBatchSize, Math.ceil(batchSize * stepUp)),
      maxBatchSize: Math.min(maxBatchSize, 2 * batchSize),
      minInstances: instances,
      maxInstances: instances,
    };
  }
}

function isTight(target: LatencyTarget, readings: Readings): boolean {
  const fastestMs = Math.min(...readings.all.map(({ latencyMs }) => latencyMs));
  return target.logAimMs(1) - Math.log(fastestMs) < tightRoom;
}
