import { DnnScalerError } from '../errors.ts';
import type { BatchPathFit, InstanceRow, P40Tables } from './p40-tables.ts';
import { fitPowerLaw } from './power-law.ts';
import type { PowerLaw } from './power-law.ts';

/**
 * Where the latencies by instances come from: measured for this network and dataset, measured for
 * this network on another dataset, or inferred from other networks.
 */
export type CurveSource = 'measured' | 'other-dataset' | 'inferred';

/** What is known of one network and dataset on the P40; times in ms. */
export interface P40Curves {
  readonly network: string;
  readonly dataset: string;
  readonly curveSource: CurveSource;
  /** Whether the line by batch size was fitted to measurements of its own or inferred. */
  readonly batchPathSource: 'fitted' | 'inferred';
  /** Latency at batch size 1, at 1, 2, ... instances, decoding and resizing included. */
  readonly instanceLatenciesMs: readonly number[];
  /** Latency at b >= 2, one instance, decoding and resizing of the batch one by one included. */
  readonly batchPath: { readonly fixedMs: number; readonly perImageMs: number };
  /** GPU time of one call at batch size 1: what co-located instances take turns at. */
  readonly timeSliceMs: number;
  /** GPU time of one more image in a batch. */
  readonly gpuMsPerImage: number;
  /** Decoding and resizing of one image. */
  readonly preprocessMs: number;
}

/** Counts of instances from which on the GPU was always busy: latency / count is the time slice. */
const saturatedFrom = 6;

/**
 * Curves for any network on the P40 out of the tables that were measured there. What was not
 * measured comes from one rule, fitted on the networks that were:
 *
 * - time slice at batch 1 = c x multiply-adds^e, a least-squares line in logarithms;
 * - latency at n instances = max(host + slice, n x slice), with the dataset's median host time;
 * - per-image time by batch size = the dataset's median preprocessing + GPU time per image;
 * - GPU time per image = the median share of the time slice;
 * - for a dataset without any line by batch size, both its parts are the median multiples of the
 *   latency at one instance.
 */
export class P40 {
  /** The rule for time slices, for reports. */
  readonly timeSliceLaw: PowerLaw;
  readonly #tables: P40Tables;
  readonly #gpuShare: number;

  /** @throws DnnScalerError `invalid-argument` when the tables are too small to fit the rules to */
  constructor(tables: P40Tables) {
    this.#tables = tables;
    const known = [...tables.macsMillions].flatMap(([network, macs]) => {
      const slices = this.#rowsOf(network).map(timeSliceOf);
      return slices.length === 0 ? [] : [{ x: macs, y: mean(slices) }];
    });
    this.timeSliceLaw = fitPowerLaw(known);
    this.#gpuShare = median(
      tables.batchFits.flatMap(({ network, gpuMsPerImage }) => {
        const slices = this.#rowsOf(network).map(timeSliceOf);
        return gpuMsPerImage === undefined || slices.length === 0
          ? []
          : [gpuMsPerImage / mean(slices)];
      }),
    );
  }

  /**
   * @throws DnnScalerError `not-found` for a network without a row of its own and without a count
   *   of multiply-adds
   */
  curvesOf(network: string, dataset: string): P40Curves {
    const rows = this.#rowsOf(network);
    const own = rows.find((row) => row.dataset === dataset);
    const row = own ?? rows[0];
    const timeSliceMs = row === undefined ? this.#inferTimeSlice(network) : timeSliceOf(row);
    const instanceLatenciesMs = row?.latenciesMs ?? this.#inferInstanceCurve(dataset, timeSliceMs);
    const fit = this.#fitOf(network, dataset);
    const gpuMsPerImage = fit?.gpuMsPerImage ?? this.#gpuShare * timeSliceMs;
    const batchPath = this.#batchPath(
      fit,
      dataset,
      gpuMsPerImage,
      instanceLatenciesMs[0] as number,
    );
    return {
      network,
      dataset,
      curveSource:
        own !== undefined ? 'measured' : row !== undefined ? 'other-dataset' : 'inferred',
      batchPathSource: fit?.perImageMs === undefined ? 'inferred' : 'fitted',
      instanceLatenciesMs,
      batchPath,
      timeSliceMs,
      gpuMsPerImage,
      preprocessMs: Math.max(0, batchPath.perImageMs - gpuMsPerImage),
    };
  }

  #inferTimeSlice(network: string): number {
    const macs = this.#tables.macsMillions.get(network);
    if (macs === undefined) {
      throw new DnnScalerError(
        'not-found',
        `nothing is known of ${network} on the P40: no latencies and no count of multiply-adds`,
      );
    }
    return this.timeSliceLaw.at(macs);
  }

  #inferInstanceCurve(dataset: string, timeSliceMs: number): readonly number[] {
    const counts = Math.max(...this.#tables.instanceRows.map((row) => row.latenciesMs.length));
    const hosts = this.#tables.instanceRows
      .filter((row) => row.dataset === dataset)
      .map((row) => (row.latenciesMs[0] as number) - timeSliceOf(row));
    const hostMs = median(hosts);
    return Array.from({ length: counts }, (_, i) =>
      Math.max(hostMs + timeSliceMs, (i + 1) * timeSliceMs),
    );
  }

  #batchPath(
    fit: BatchPathFit | undefined,
    dataset: string,
    gpuMsPerImage: number,
    singleMs: number,
  ): P40Curves['batchPath'] {
    if (fit?.perImageMs !== undefined) return { fixedMs: fit.fixedMs, perImageMs: fit.perImageMs };
    const preprocessing = this.#tables.batchFits.flatMap((other) =>
      other.dataset !== dataset ||
      other.perImageMs === undefined ||
      other.gpuMsPerImage === undefined
        ? []
        : [other.perImageMs - other.gpuMsPerImage],
    );
    if (fit !== undefined && preprocessing.length > 0) {
      return { fixedMs: fit.fixedMs, perImageMs: median(preprocessing) + gpuMsPerImage };
    }
    const multiples = this.#tables.instanceRows.flatMap((row) => {
      const path = this.#fitOf(row.network, row.dataset);
      const baseMs = row.latenciesMs[0] as number;
      return path?.perImageMs === undefined
        ? []
        : [{ fixed: path.fixedMs / baseMs, perImage: path.perImageMs / baseMs }];
    });
    return {
      fixedMs: singleMs * median(multiples.map(({ fixed }) => fixed)),
      perImageMs: singleMs * median(multiples.map(({ perImage }) => perImage)),
    };
  }

  #rowsOf(network: string): readonly InstanceRow[] {
    return this.#tables.instanceRows.filter((row) => row.network === network);
  }

  #fitOf(network: string, dataset: string): BatchPathFit | undefined {
    return this.#tables.batchFits.find((fit) => fit.network === network && fit.dataset === dataset);
  }
}

/** The median of latency / count over the counts at which the GPU was the bottleneck, in ms. */
function timeSliceOf(row: InstanceRow): number {
  const saturated = row.latenciesMs
    .map((latencyMs, i) => ({ instances: i + 1, latencyMs }))
    .filter(({ instances }) => instances >= saturatedFrom);
  return median(saturated.map(({ instances, latencyMs }) => latencyMs / instances));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)];
  const lower = sorted[Math.ceil(middle) - 1];
  if (upper === undefined || lower === undefined) {
    throw new DnnScalerError(
      'invalid-argument',
      'the tables of the P40 are too small to fit rules to',
    );
  }
  return (lower + upper) / 2;
}
