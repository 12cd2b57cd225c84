/** Values up to twice this are exact; larger ones fall in that many buckets for each doubling. */
const bucketsPerDoubling = 1024;
const largestUs = 2 ** 32 - 1;
const bucketCount = bucketsPerDoubling * (32 - Math.log2(bucketsPerDoubling) + 1);

/**
 * Latencies in constant memory (about 190 KB), however many: buckets of equal width up to 2 ms, and
 * of equal ratio beyond, in the manner of HdrHistogram. A quantile is within 0.05% or 1 us of the
 * exact one. Latencies of more than 71 minutes count as that.
 */
export class LatencyHistogram {
  readonly #counts = new Float64Array(bucketCount);
  #count = 0;
  #sumMs = 0;
  #minUs = Infinity;
  #maxUs = 0;

  get count(): number {
    return this.#count;
  }

  /** NaN when empty, as all figures are. */
  get meanMs(): number {
    return this.#sumMs / this.#count;
  }

  get maxMs(): number {
    return this.#count === 0 ? Number.NaN : this.#maxUs / 1000;
  }

  /** @param latencyMs at least 0 */
  record(latencyMs: number): void {
    const us = Math.min(Math.round(latencyMs * 1000), largestUs);
    const bucket = bucketOf(us);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#count += 1;
    this.#sumMs += latencyMs;
    if (us < this.#minUs) this.#minUs = us;
    if (us > this.#maxUs) this.#maxUs = us;
  }

  /**
   * The nearest-rank quantile: the smallest latency that at least the given share of all does not
   * exceed, in ms.
   *
   * @param share in (0, 1]
   */
  quantileMs(share: number): number {
    if (this.#count === 0) return Number.NaN;
    const rank = Math.max(1, Math.ceil(share * this.#count - 1e-9));
    let seen = 0;
    for (let bucket = 0; bucket < bucketCount; bucket += 1) {
      seen += this.#counts[bucket] as number;
      if (seen < rank) continue;
      return Math.min(Math.max(middleOf(bucket), this.#minUs), this.#maxUs) / 1000;
    }
    return this.maxMs;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#sumMs = 0;
    this.#minUs = Infinity;
    this.#maxUs = 0;
  }
}

/** How far a value is shifted right to keep its leading eleven bits; 0 for small ones. */
function shiftOf(us: number): number {
  return Math.max(0, 31 - Math.clz32(us) - Math.log2(bucketsPerDoubling));
}

function bucketOf(us: number): number {
  const shift = shiftOf(us);
  return bucketsPerDoubling * shift + (us >>> shift);
}

/** The middle of a bucket's integers, in us. */
function middleOf(bucket: number): number {
  const shift = Math.max(0, Math.floor(bucket / bucketsPerDoubling) - 1);
  const first = (bucket - bucketsPerDoubling * shift) * 2 ** shift;
  return first + (2 ** shift - 1) / 2;
}
