import type { DatasetName } from '../../datasets/labels.ts';
import { DnnScalerError } from '../../errors.ts';
import type { PreprocessingMode } from '../../serving/images-on-engine.ts';
import { defaultPercentile } from '../../slo.ts';
import type { ZooNetwork } from '../../zoo/network.ts';
import { zooNetworks } from '../../zoo/registry.ts';
import type { Comparison, JobResult, JobSeries } from '../comparison.ts';
import { compare, gainPercentOf } from '../comparison.ts';
import type { PaperJob } from '../paper-jobs.ts';
import type { Reproduction } from '../reproduce.ts';
import { outcomeOf } from '../run-job.ts';
import type { ImageRun } from './run-images.ts';
import type { NetworkConditions } from './run-network.ts';
import { runNetwork } from './run-network.ts';

export interface OnMachineOptions extends NetworkConditions {
  readonly jobs: readonly PaperJob[];
  /** Multiple of the latency at (1,1) in place of the jobs' own SLOs, which are a P40's. */
  readonly sloFactor?: number;
  /** Which machine, for people. */
  readonly machine: string;
  /** The folder of a dataset's images. */
  readonly folderOf: (dataset: DatasetName) => Promise<string>;
  /** What was done before, in sentences. */
  readonly notes?: readonly string[];
  readonly onProgress?: (done: number, total: number, what: string) => void;
}

/** A job of the paper that can be run here, with its network. */
interface RunnableJob {
  readonly job: PaperJob;
  readonly network: ZooNetwork;
  readonly dataset: DatasetName;
}

/** Why a job cannot be run here; undefined when it can. */
export function obstacleTo({ network, dataset }: PaperJob): string | undefined {
  if (dataset !== 'imagenet' && dataset !== 'caltech256')
    return `it runs on ${dataset}, a video set`;
  const known = zooNetworks.find(({ name }) => name === network);
  return known?.image === undefined ? `the zoo has no network ${network}` : undefined;
}

/**
 * Runs the paper's image jobs on this machine's real engine. What the state file holds is not run
 * again, and each part is put there as it is finished.
 *
 * @throws DnnScalerError `invalid-argument` when none of the jobs can be run; `cancelled` when it
 *   was ended early, with what was finished in the state file
 */
export async function reproduceOnMachine(options: OnMachineOptions): Promise<Reproduction> {
  const runnable: RunnableJob[] = [];
  const notes: string[] = [...(options.notes ?? [])];
  for (const job of options.jobs) {
    const obstacle = obstacleTo(job);
    if (obstacle !== undefined) notes.push(`Job ${job.job} was skipped: ${obstacle}.`);
    else runnable.push(withNetwork(job));
  }
  if (runnable.length === 0) {
    const why = notes.join(' ');
    throw new DnnScalerError('invalid-argument', `none of the jobs can be run here. ${why}`);
  }
  const finished = new Map<PreprocessingMode, JobResult[]>(options.modes.map((mode) => [mode, []]));
  const series = new Map<number, JobSeries>();
  let done = 0;
  const total = runnable.length * options.modes.length;
  const { sloFactor } = options;
  for (const { job, network, dataset } of runnable) {
    const label = `job ${job.job}, ${network.name}`;
    const runs = await runNetwork({
      ...options,
      ...{ network, key: String(job.job) },
      folder: () => options.folderOf(dataset),
      slo: sloFactor === undefined ? { limitMs: job.sloMs } : { factor: sloFactor },
      onStep: (mode, what) => {
        options.onProgress?.(done, total, `${label}: ${mode}, ${what}`);
      },
    });
    for (const run of runs) {
      finished.get(run.mode)?.push(describeJob(job, run));
      // The main comparison is the serial one, if there is one.
      if (run.mode === 'inline' || !series.has(job.job)) series.set(job.job, seriesOf(run));
      if (run.input.skipped > 0) {
        notes.push(
          `${label}, ${run.mode}: ${run.input.skipped} images could not be read and were skipped.`,
        );
      }
    }
    done += runs.length;
  }
  options.onProgress?.(total, total, 'done');
  const comparisonOf = (mode: PreprocessingMode): Comparison => compare(finished.get(mode) ?? []);
  return {
    machine: options.machine,
    simulation: null,
    seed: options.seed,
    percentile: defaultPercentile,
    scalers: options.scalers,
    serial: comparisonOf('inline'),
    pipelined: comparisonOf('pipelined'),
    seedControl: null,
    series,
    sloSteps: [],
    surfaces: [],
    notes,
  };
}

function withNetwork(job: PaperJob): RunnableJob {
  const network = zooNetworks.find(({ name }) => name === job.network) as ZooNetwork;
  return { job, network, dataset: job.dataset as DatasetName };
}

function describeJob(job: PaperJob, { sloMs, runs }: ImageRun): JobResult {
  const { approach = null, profile = null } = runs.dnnscaler ?? {};
  const outcomes = Object.fromEntries(
    Object.entries(runs).map(([scaler, result]) => [scaler, outcomeOf(result)]),
  );
  return {
    job: job.job,
    network: job.network,
    dataset: job.dataset,
    sloMs,
    curveSource: null,
    batchPathSource: null,
    approach,
    seedApproach: job.seedApproach,
    tiBatchingPercent: profile?.tiBatchingPercent ?? null,
    tiMultiTenancyPercent: profile?.tiMultiTenancyPercent ?? null,
    outcomes,
    gainPercent: gainPercentOf(outcomes),
  };
}

function seriesOf({ runs }: ImageRun): JobSeries {
  return Object.fromEntries(Object.entries(runs).map(([scaler, { windows }]) => [scaler, windows]));
}
