import type { KnobLimits, OperatingPoint } from '../operating-point.ts';
import { formatPerS } from '../units.ts';
import type { KnobReading } from './knob-reading.ts';
import { readingOf, typicalReadingOf } from './knob-reading.ts';
import { probedInstances } from './multi-tenancy.ts';
import type { Approach, Observation, ProfileReport } from './scaler.ts';
import { Valuation } from './valuation.ts';

/** Batch size of the paper's Batching probe. */
const probedBatchSize = 32;

/**
 * The paper's profiler: measures throughput at (1,1), (32,1) and (1,8), bounded by what the engine
 * can do, and chooses the knob with the larger throughput improvement TI:
 *
 *     TI_B  = (throughput(32,1) / throughput(1,1) - 1) x 100
 *     TI_MT = (throughput(1,8)  / throughput(1,1) - 1) x 100      (arXiv 2308.13803)
 *
 * A knob that the engine does not have, or did not reach, has an improvement of 0, as has any where the
 * base answered nothing. Where rows per joule count, it is their improvement that chooses the knob.
 */
export class Profiler {
  /** The points to measure, in order. */
  readonly points: readonly OperatingPoint[];
  readonly #base: OperatingPoint;
  readonly #valuation: Valuation;
  readonly #probes: { point: OperatingPoint; reading: KnobReading; typical: KnobReading }[] = [];

  /** @param valuation what is to be raised; default throughput. It learns what is recorded */
  constructor(limits: KnobLimits, valuation = new Valuation()) {
    this.#valuation = valuation;
    const { minBatchSize, maxBatchSize, maxInstances } = limits;
    const batchSize = Math.max(minBatchSize, Math.min(probedBatchSize, maxBatchSize));
    const instances = Math.min(probedInstances, maxInstances);
    this.#base = { batchSize: minBatchSize, instances: 1 };
    this.points = [
      this.#base,
      ...(batchSize > minBatchSize ? [{ batchSize, instances: 1 }] : []),
      ...(instances > 1 ? [{ batchSize: minBatchSize, instances }] : []),
    ];
  }

  /** The next point to measure; undefined once all were measured. */
  next(): OperatingPoint | undefined {
    return this.points[this.#probes.length];
  }

  /** Takes in what was measured at the point last asked for. */
  record(observation: Observation): void {
    this.#valuation.learn(observation);
    const { point } = observation;
    const reading = readingOf(observation);
    this.#probes.push({ point, reading, typical: typicalReadingOf(observation) });
  }

  /** What was found; call once `next()` is undefined. */
  report(): ProfileReport {
    const probes = this.#probes.map(({ point, reading }) => ({
      point,
      throughputPerS: reading.throughputPerS,
      latencyMs: reading.latencyMs,
    }));
    type Probe = (typeof probes)[number];
    const improvements = (worthOf: (probe: Probe) => number): Improvements => {
      const base = probes[0] === undefined ? 0 : worthOf(probes[0]);
      const improvement = (fits: (point: OperatingPoint) => boolean): number => {
        const probe = probes.slice(1).find(({ point }) => fits(point));
        return probe === undefined || base === 0 ? 0 : (worthOf(probe) / base - 1) * 100;
      };
      return {
        batchingPercent: improvement((point) => point.batchSize > this.#base.batchSize),
        multiTenancyPercent: improvement((point) => point.instances > 1),
      };
    };
    const inThroughput = improvements(({ throughputPerS }) => throughputPerS);
    const decisive = improvements(
      ({ point, throughputPerS }) =>
        throughputPerS / this.#valuation.divisorAt(point.batchSize, point.instances),
    );
    const approach: Approach =
      decisive.batchingPercent > decisive.multiTenancyPercent ? 'batching' : 'multi-tenancy';
    return {
      probes,
      tiBatchingPercent: inThroughput.batchingPercent,
      tiMultiTenancyPercent: inThroughput.multiTenancyPercent,
      approach,
      ...(this.#valuation.objective === 'throughput-per-watt' && { perWatt: decisive }),
    };
  }

  /** Readings along one knob, with the other at its lowest: what its scaler starts from. */
  readings(knob: 'batchSize' | 'instances'): Map<number, KnobReading> {
    const other = knob === 'batchSize' ? 'instances' : 'batchSize';
    const readings = new Map<number, KnobReading>();
    for (const { point, reading, typical } of this.#probes) {
      if (point[other] !== this.#base[other]) continue;
      // As the knob's own scaler reads.
      readings.set(point[knob], knob === 'batchSize' ? typical : reading);
    }
    return readings;
  }
}

type Improvements = NonNullable<ProfileReport['perWatt']>;

/** The verdict in words: `Multi-Tenancy: TI_MT +106% against TI_B -23% over 15.7/s at batch 1`. */
export function describeProfile(report: ProfileReport): string {
  if (report.perWatt !== undefined) return describePerWatt(report.approach, report.perWatt);
  const batching = `TI_B ${signed(report.tiBatchingPercent)}`;
  const multiTenancy = `TI_MT ${signed(report.tiMultiTenancyPercent)}`;
  const base = `over ${formatPerS(report.probes[0]?.throughputPerS ?? Number.NaN)} at one instance of the smallest batch`;
  return report.approach === 'batching'
    ? `Batching: ${batching} against ${multiTenancy} ${base}`
    : `Multi-Tenancy: ${multiTenancy} against ${batching} ${base}`;
}

function describePerWatt(approach: Approach, improvements: Improvements): string {
  const batching = `Batching ${signed(improvements.batchingPercent)}`;
  const multiTenancy = `Multi-Tenancy ${signed(improvements.multiTenancyPercent)}`;
  const [more, less] =
    approach === 'batching' ? [batching, multiTenancy] : [multiTenancy, batching];
  return `${more} rows per joule against ${less} over one instance of the smallest batch`;
}

function signed(percent: number): string {
  return `${percent < 0 ? '' : '+'}${percent.toFixed(0)}%`;
}
