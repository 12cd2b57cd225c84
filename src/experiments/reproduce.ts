import { DnnScalerError, invalidArgument } from '../errors.ts';
import { paperLimits } from '../operating-point.ts';
import { createScaler } from '../scaling/create-scaler.ts';
import type { RunResult } from '../serving/run-result.ts';
import { P40 } from '../simulator/p40.ts';
import type { P40Tables } from '../simulator/p40-tables.ts';
import type { Preprocessing } from '../simulator/p40-surface.ts';
import { p40Surface } from '../simulator/p40-surface.ts';
import type { PowerLaw } from '../simulator/power-law.ts';
import { defaultPercentile, makeSlo } from '../slo.ts';
import type { Comparison, JobResult, JobSeries } from './comparison.ts';
import { compare, gainPercentOf } from './comparison.ts';
import { controllingMean } from './controlling-mean.ts';
import { estimatorWithout } from './estimator-without.ts';
import type { PaperJob } from './paper-jobs.ts';
import type { JobConditions, ScalerOutcome } from './run-job.ts';
import { outcomeOf, runJob } from './run-job.ts';
import { figureOfSurface } from './report/surface-figure.ts';
import type { SurfaceFigure } from './report/surface-chart.ts';
import type { SloStepRun } from './slo-step.ts';
import { runSloStep } from './slo-step.ts';
import { marginOf, whyDifferent } from './why.ts';

export interface ReproduceOptions {
  readonly tables: P40Tables;
  readonly jobs: readonly PaperJob[];
  /** Names as on the command line; `clipper` and `dnnscaler` by default. */
  readonly scalers?: readonly string[];
  /** Any integer; 1 by default. */
  readonly seed?: number;
  /** Sigma of the lognormal noise of each engine call; 0.05 by default. */
  readonly noiseSigma?: number;
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

export const defaultScalers: readonly string[] = ['clipper', 'dnnscaler'];
export const defaultNoiseSigma = 0.05;

/** The paper's experiment on one machine, and what changes when its conditions do. */
export interface Reproduction {
  /** Which machine, for people. */
  readonly machine: string;
  /** Null on a real machine. */
  readonly simulation: Simulation | null;
  readonly seed: number;
  readonly percentile: number;
  readonly scalers: readonly string[];
  /** Every scaler on p95, images decoded one by one inside the timed call, as the authors did. */
  readonly serial: Comparison;
  /** The same with images decoded beforehand; on a real machine, beside the calls. */
  readonly pipelined: Comparison;
  /**
   * DNNScaler on the mean and the others on p95, as in the authors' code; serial. Null where this
   * was not run, as the steps of the SLO are then none.
   */
  readonly seedControl: Comparison | null;
  /** The time series of the main comparison, by job. */
  readonly series: ReadonlyMap<number, JobSeries>;
  readonly sloSteps: readonly JobSloSteps[];
  /** Some jobs' surfaces with the paths of the scalers and of `joint`; none on a real machine. */
  readonly surfaces: readonly JobSurface[];
  /** What a reader should know, in sentences. */
  readonly notes: readonly string[];
}

export interface Simulation {
  readonly noiseSigma: number;
  /** The rule for GPU time slices that nobody measured. */
  readonly timeSliceLaw: PowerLaw;
}

/** The comparison that counts: as the authors ran it, if it was run so. */
export function mainComparison({ serial, pipelined }: Reproduction): Comparison {
  return serial.jobs.length > 0 ? serial : pipelined;
}

export interface JobSloSteps {
  readonly job: number;
  readonly network: string;
  readonly dataset: string;
  readonly runs: readonly SloStepRun[];
}

export interface JobSurface {
  readonly job: number;
  readonly network: string;
  readonly dataset: string;
  readonly figure: SurfaceFigure;
}

/** Surfaces are kept of so many jobs: as many more say little that is new. */
const surfacesKept = 4;

/**
 * Runs the jobs: per job and scaler once with serial and once with pipelined preprocessing, once
 * with the SLO stepping down and up, and DNNScaler once more on the mean.
 *
 * @throws DnnScalerError `invalid-argument` for an unknown scaler, and no or doubled scalers or jobs
 */
export async function reproduce(options: ReproduceOptions): Promise<Reproduction> {
  const { jobs, scalers = defaultScalers, seed = 1, noiseSigma = defaultNoiseSigma } = options;
  checkScalers(scalers);
  if (jobs.length === 0) throw new DnnScalerError('invalid-argument', 'there must be a job to run');
  const p40 = new P40(options.tables);
  const hasDnnScaler = scalers.includes('dnnscaler');
  const total = jobs.length * (3 * scalers.length + (hasDnnScaler ? 1 : 0));
  let done = 0;
  const step = async <T>(what: string, work: () => T | Promise<T>): Promise<T> => {
    options.onProgress?.(done, total, what);
    const result = await work();
    done += 1;
    return result;
  };

  const serial: JobResult[] = [];
  const pipelined: JobResult[] = [];
  const seedControl: JobResult[] = [];
  const series = new Map<number, JobSeries>();
  const sloSteps: JobSloSteps[] = [];
  const surfaces: JobSurface[] = [];
  const everySo = Math.ceil(jobs.length / surfacesKept);
  for (const [index, job] of jobs.entries()) {
    const curves = p40.curvesOf(job.network, job.dataset);
    const conditions: JobConditions = {
      slo: makeSlo(job.sloMs),
      noiseSigma,
      // A stream of noise for each job, the same one for all of its scalers.
      seed: seed * 1000 + job.job,
      estimate: estimatorWithout(options.tables, job.network),
    };
    const label = (what: string): string => `job ${job.job}, ${job.network}: ${what}`;
    const runAll = async (preprocessing: Preprocessing): Promise<Record<string, RunResult>> => {
      const surface = p40Surface(curves, preprocessing);
      const results: Record<string, RunResult> = {};
      for (const scaler of scalers) {
        const what = label(`${scaler}, ${preprocessing}`);
        results[scaler] = await step(what, () => runJob(surface, scaler, conditions));
      }
      return results;
    };
    const describe = (results: Record<string, RunResult>): JobResult =>
      describeJob(job, curves, results, p40.timeSliceLaw);

    const serialRuns = await runAll('serial');
    serial.push(describe(serialRuns));
    pipelined.push(describe(await runAll('pipelined')));
    series.set(
      job.job,
      mapValues(serialRuns, (result) => result.windows),
    );
    const surface = p40Surface(curves, 'serial');
    if (hasDnnScaler) {
      const onMean = await step(label('dnnscaler on the mean'), () =>
        runJob(surface, 'dnnscaler', conditions, controllingMean),
      );
      seedControl.push(describe({ ...serialRuns, dnnscaler: onMean }));
    }
    const runs: SloStepRun[] = [];
    for (const scaler of scalers) {
      const what = label(`${scaler}, SLO steps`);
      runs.push(await step(what, () => runSloStep(surface, scaler, conditions)));
    }
    const { network, dataset } = job;
    sloSteps.push({ job: job.job, network, dataset, runs });
    if (index % everySo === 0) {
      const paths = Object.values(serialRuns);
      if (!scalers.includes('joint')) paths.push(await runJob(surface, 'joint', conditions));
      const figure = figureOfSurface(surface, conditions.slo, noiseSigma, paths);
      surfaces.push({ job: job.job, network, dataset, figure });
    }
  }
  options.onProgress?.(total, total, 'done');
  return {
    machine: 'Tesla P40 (simulated)',
    simulation: { noiseSigma, timeSliceLaw: p40.timeSliceLaw },
    seed,
    percentile: defaultPercentile,
    scalers,
    serial: compare(serial),
    pipelined: compare(pipelined),
    seedControl: compare(seedControl),
    series,
    sloSteps,
    surfaces,
    notes: [],
  };
}

function checkScalers(scalers: readonly string[]): void {
  if (scalers.length === 0 || new Set(scalers).size < scalers.length) {
    throw invalidArgument(
      'the scalers',
      'must be at least one, each named once',
      scalers.join(' '),
    );
  }
  for (const scaler of scalers) {
    createScaler(scaler, { limits: paperLimits, estimate: () => [] });
  }
}

function describeJob(
  job: PaperJob,
  curves: ReturnType<P40['curvesOf']>,
  results: Readonly<Record<string, RunResult>>,
  law: PowerLaw,
): JobResult {
  const { approach = null, profile = null } = results.dnnscaler ?? {};
  const outcomes: Record<string, ScalerOutcome> = mapValues(results, outcomeOf);
  const margin = profile === null ? undefined : marginOf(curves, profile);
  const differs = approach !== null && approach !== job.seedApproach;
  return {
    job: job.job,
    network: job.network,
    dataset: job.dataset,
    sloMs: job.sloMs,
    curveSource: curves.curveSource,
    batchPathSource: curves.batchPathSource,
    approach,
    seedApproach: job.seedApproach,
    ...(differs && margin && { why: whyDifferent(curves, margin, approach, law), margin }),
    tiBatchingPercent: profile?.tiBatchingPercent ?? null,
    tiMultiTenancyPercent: profile?.tiMultiTenancyPercent ?? null,
    outcomes,
    gainPercent: gainPercentOf(outcomes),
  };
}

function mapValues<A, B>(
  record: Readonly<Record<string, A>>,
  map: (value: A) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
