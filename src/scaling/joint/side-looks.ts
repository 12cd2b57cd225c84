import type { KnobLimits, OperatingPoint } from '../../operating-point.ts';
import type { LatencyTarget } from './latency-target.ts';
import type { Reading, Readings } from './readings.ts';
import type { SearchLimits } from './search.ts';

/** A latency this far (logarithm) under what the SLO allows leaves room for a larger batch, */
const ampleRoom = 0.2;
/** if the last larger batch raised throughput by this power of the batch size at least. */
const payingElasticity = 0.5;
const stepUp = 1.25;
/** An SLO is tight where it leaves less than this (logarithm) over the fastest calls. */
const tightRoom = 0.7;

/**
 * Laws that no reading contradicts may still be wrong where nothing was read. So before settling
 * there are looks, once each, at two instances if there was one only, at larger batches on one
 * instance under a tight SLO, and at a larger batch if the last step up was paid back and the latency
 * is still far from the SLO.
 */
export class SideLooks {
  readonly #limits: KnobLimits;
  #hasTriedInstances = false;
  #hasTriedBatch = false;
  #hasTriedAlone = false;

  constructor(limits: KnobLimits) {
    this.#limits = limits;
  }

  /** A larger batch may be looked at again. */
  renew(): void {
    this.#hasTriedBatch = false;
  }

  /** Where to look next to the best point known; what is not asked for is left for another time. */
  *around(best: Reading, target: LatencyTarget, readings: Readings): Generator<SearchLimits> {
    const { minBatchSize, maxBatchSize, maxInstances } = this.#limits;
    const wasTurned = readings.all.some((reading) => reading.instances > 1);
    if (!this.#hasTriedInstances && !wasTurned && maxInstances > 1) {
      this.#hasTriedInstances = true;
      yield { ...this.#limits, minInstances: 2, maxInstances: 2 };
    }
    const { instances } = best.point;
    if (!this.#hasTriedAlone && instances > 1 && maxBatchSize > minBatchSize) {
      if (isTight(target, readings) && !this.#wasBatched(readings)) {
        this.#hasTriedAlone = true;
        yield { ...this.#limits, minBatchSize: minBatchSize + 1, maxInstances: 1 };
      }
    }
    const largerBatch = this.#largerBatch(best.point);
    const room = target.logAimMs(instances) - Math.log(best.latencyMs);
    if (this.#hasTriedBatch || room <= ampleRoom || largerBatch === undefined) return;
    if (readings.elasticityBelow(best) < payingElasticity) return;
    this.#hasTriedBatch = true;
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
