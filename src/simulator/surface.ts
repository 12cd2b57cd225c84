import { DnnScalerError } from '../errors.ts';
import type { KnobLimits, OperatingPoint } from '../operating-point.ts';

/** One measured cell: the latency of one engine call at an operating point. */
export interface SurfacePoint {
  readonly batchSize: number;
  readonly instances: number;
  readonly latencyMs: number;
  /** Power while that many instances are at work, in watts. */
  readonly powerWatts?: number;
}

/** Batch sizes at which latencies are known, both included. */
export interface BatchRange {
  readonly min: number;
  readonly max: number;
}

/** The measured latencies at one count of instances, in ascending order of batch size. */
interface MeasuredRow {
  readonly instances: number;
  readonly range: BatchRange;
  readonly batchSizes: readonly number[];
  readonly latenciesMs: readonly number[];
  /** NaN where none was measured. */
  readonly powersWatts: readonly number[];
}

/**
 * The measured latencies of one network: batch size x co-located instances. Between measured batch
 * sizes a latency is linear, for each measured count of instances; between the counts at which such a
 * batch was measured it is linear in the count. Nothing is extended beyond what was measured: `reach`
 * keeps operating points inside, and `notes` says where the limits come from.
 */
export class Surface {
  readonly network: string;
  readonly points: readonly SurfacePoint[];
  readonly limits: KnobLimits;
  /** What a reader of figures from this surface should know, in sentences. */
  readonly notes: readonly string[];
  /** Whether power was measured, at every point. */
  readonly hasPower: boolean;
  readonly #rows: readonly MeasuredRow[];
  /** By count of instances, from 1: the batch sizes known there, or on both sides of it. */
  readonly #ranges: readonly (BatchRange | undefined)[];

  /**
   * @param points any order; integers >= 1 for both knobs, each pair once, latencies > 0
   * @throws DnnScalerError `invalid-argument` when there is none with one instance
   */
  constructor(network: string, points: readonly SurfacePoint[]) {
    this.network = network;
    this.points = points;
    this.#rows = rowsOf(points);
    this.hasPower = points.every(({ powerWatts }) => powerWatts !== undefined);
    const single = this.#rows[0];
    if (single?.instances !== 1) {
      throw new DnnScalerError(
        'invalid-argument',
        `the surface of ${network} must have latencies at 1 instance, where every search begins`,
      );
    }
    const maxInstances = this.#rows.at(-1)?.instances ?? 1;
    this.#ranges = Array.from({ length: maxInstances }, (_, i) => this.#rangeAt(i + 1));
    const range = this.#ranges[0] as BatchRange;
    this.limits = { minBatchSize: range.min, maxBatchSize: range.max, maxInstances };
    this.notes = this.#describe();
  }

  /** Counts of instances that were measured, ascending. */
  get measuredInstances(): readonly number[] {
    return this.#rows.map((row) => row.instances);
  }

  /** The batch sizes measured at a count of instances, from the smallest to the largest. */
  measuredRange(instances: number): BatchRange | undefined {
    return this.#rows.find((row) => row.instances === instances)?.range;
  }

  /**
   * Latency in ms of a call of `rows` rows while `busyInstances` are running. A call of fewer rows
   * than the smallest measured batch takes as long as that batch.
   */
  latencyMs(rows: number, busyInstances: number): number {
    return this.#between(rows, busyInstances, (row) => row.latenciesMs);
  }

  /**
   * Power in watts while `busyInstances` run calls of `rows` rows, read as latencies are; NaN where
   * power was not measured. While nothing runs it is taken to be that of the smallest point measured,
   * which is somewhat too much.
   */
  powerWatts(rows: number, busyInstances: number): number {
    if (!this.hasPower) return Number.NaN;
    return this.#between(rows, Math.max(1, busyInstances), (row) => row.powersWatts);
  }

  /** Linear between the counts of instances that know such a batch, and along the batch within each. */
  #between(
    rows: number,
    busyInstances: number,
    valuesOf: (row: MeasuredRow) => readonly number[],
  ): number {
    let lower = this.#rows[0] as MeasuredRow;
    let upper: MeasuredRow | undefined;
    for (const row of this.#rows) {
      const { min, max } = row.range;
      if (rows > max || Math.max(rows, this.limits.minBatchSize) < min) continue;
      if (row.instances > busyInstances) {
        upper = row;
        break;
      }
      lower = row;
    }
    const lowerValue = alongBatch(lower.batchSizes, valuesOf(lower), rows);
    if (upper === undefined || busyInstances <= lower.instances) return lowerValue;
    const share = (busyInstances - lower.instances) / (upper.instances - lower.instances);
    const upperValue = alongBatch(upper.batchSizes, valuesOf(upper), rows);
    return lowerValue + share * (upperValue - lowerValue);
  }

  /**
   * The point itself where its latencies are known, whatever part of its instances is busy;
   * otherwise the largest batch known at that count, or fewer instances where the batch is smaller
   * than any known.
   */
  reach(point: OperatingPoint): OperatingPoint {
    let instances = Math.min(point.instances, this.limits.maxInstances);
    for (; instances > 1; instances -= 1) {
      const range = this.#ranges[instances - 1];
      if (range !== undefined && range.min <= point.batchSize) break;
    }
    const range = this.#ranges[instances - 1] as BatchRange;
    const batchSize = Math.min(Math.max(point.batchSize, range.min), range.max);
    return { batchSize, instances };
  }

  /** Batch sizes known at one instance and at some measured count from `instances` on. */
  #rangeAt(instances: number): BatchRange | undefined {
    const single = (this.#rows[0] as MeasuredRow).range;
    const ranges = this.#rows.filter((row) => row.instances >= instances).map(({ range }) => range);
    const min = Math.max(single.min, Math.min(...ranges.map((range) => range.min)));
    const max = Math.min(single.max, Math.max(...ranges.map((range) => range.max)));
    return min <= max ? { min, max } : undefined;
  }

  #describe(): readonly string[] {
    const { minBatchSize, maxBatchSize, maxInstances } = this.limits;
    const notes: string[] = [];
    if (minBatchSize > 1) {
      notes.push(
        `batches under ${minBatchSize} were not measured: a call of fewer rows takes as long as one of ${minBatchSize}`,
      );
    }
    const measured = new Set(this.measuredInstances);
    const gaps = this.#ranges.flatMap((_, i) => (measured.has(i + 1) ? [] : [i + 1]));
    if (gaps.length > 0) {
      notes.push(
        `latencies at ${list(gaps)} instances were not measured and lie linearly between their neighbours`,
      );
    }
    const thin = this.#rows.filter((row) => {
      const known = this.#ranges[row.instances - 1];
      const { min, max } = row.range;
      return known !== undefined && (max < known.max || min > known.min);
    });
    if (thin.length > 0) {
      notes.push(
        `fewer batch sizes were measured at ${list(thin.map(({ instances }) => instances))} instances than at others: the rest lie linearly between their neighbours, too`,
      );
    }
    const narrower: string[] = [];
    for (let n = 2; n <= maxInstances; n += 1) {
      const range = this.#ranges[n - 1];
      const max = range?.max ?? 0;
      if (max < maxBatchSize && max !== (this.#ranges[n - 2]?.max ?? 0)) {
        narrower.push(range === undefined ? `none from ${n}` : `up to ${max} from ${n}`);
      }
    }
    if (narrower.length > 0) {
      notes.push(
        `batches were measured up to ${maxBatchSize} with 1 instance, ${narrower.join(', ')} instances on: larger ones are cut to that`,
      );
    }
    return notes;
  }
}

function rowsOf(points: readonly SurfacePoint[]): readonly MeasuredRow[] {
  const counts = [...new Set(points.map((point) => point.instances))].sort((a, b) => a - b);
  return counts.map((instances) => {
    const cells = points
      .filter((point) => point.instances === instances)
      .sort((a, b) => a.batchSize - b.batchSize);
    const batchSizes = cells.map((cell) => cell.batchSize);
    return {
      instances,
      range: { min: batchSizes[0] as number, max: batchSizes.at(-1) as number },
      batchSizes,
      latenciesMs: cells.map((cell) => cell.latencyMs),
      powersWatts: cells.map((cell) => cell.powerWatts ?? Number.NaN),
    };
  });
}

/** Linear between measured batch sizes, constant outside them. */
function alongBatch(
  batchSizes: readonly number[],
  values: readonly number[],
  rows: number,
): number {
  let above = 0;
  while (above < batchSizes.length && (batchSizes[above] as number) < rows) above += 1;
  if (above === 0) return values[0] as number;
  if (above === batchSizes.length) return values[above - 1] as number;
  const from = batchSizes[above - 1] as number;
  const to = batchSizes[above] as number;
  const fromValue = values[above - 1] as number;
  const toValue = values[above] as number;
  return fromValue + ((rows - from) / (to - from)) * (toValue - fromValue);
}

function list(values: readonly number[]): string {
  const last = values.at(-1);
  return values.length < 2 ? String(last) : `${values.slice(0, -1).join(', ')} and ${last}`;
}
