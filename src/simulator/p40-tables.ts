/** Latencies measured on the Tesla P40 at batch size 1. */
export interface InstanceRow {
  readonly network: string;
  readonly dataset: string;
  /** `latenciesMs[n - 1]` at n co-located instances. */
  readonly latenciesMs: readonly number[];
}

/** The line through latencies measured on the P40 by batch size: `fixedMs + perImageMs x batch`. */
export interface BatchPathFit {
  readonly network: string;
  readonly dataset: string;
  readonly fixedMs: number;
  /** Undefined where too few batch sizes were measured to tell a slope. */
  readonly perImageMs: number | undefined;
  /** GPU time of one more image in a large batch; undefined where unknown or too small to tell. */
  readonly gpuMsPerImage: number | undefined;
}

/** Everything that the curves of the P40 are fitted to. */
export interface P40Tables {
  readonly instanceRows: readonly InstanceRow[];
  readonly batchFits: readonly BatchPathFit[];
  /** Millions of multiply-adds by network. */
  readonly macsMillions: ReadonlyMap<string, number>;
}
