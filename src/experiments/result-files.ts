import { writeCsv } from '../csv.ts';
import type { Comparison, JobResult } from './comparison.ts';
import { paperGains } from './paper-jobs.ts';
import type { Reproduction } from './reproduce.ts';

/** `results.json`: the main comparison at the top, the others under their names. */
export function resultsJson(reproduction: Reproduction): string {
  const { machine, simulation, seed, percentile, scalers, seedControl, notes } = reproduction;
  return `${JSON.stringify(
    {
      machine,
      simulated: simulation !== null,
      preprocessing: 'serial',
      percentile,
      seed,
      ...(simulation && { noiseSigma: simulation.noiseSigma }),
      scalers,
      ...comparisonJson(reproduction.serial),
      paper: paperGains,
      ...(simulation && { timeSliceLaw: simulation.timeSliceLaw }),
      pipelined: comparisonJson(reproduction.pipelined),
      seedControl: seedControl && comparisonJson(seedControl),
      notes,
      sloSteps: reproduction.sloSteps.map(({ runs, ...job }) => ({
        ...job,
        runs: runs.map(({ scaler, phases }) => ({ scaler, phases })),
      })),
    },
    null,
    2,
  )}\n`;
}

function comparisonJson({ jobs, ...totals }: Comparison): object {
  return { jobs: jobs.map(({ outcomes, ...job }) => ({ ...job, ...outcomes })), ...totals };
}

const jobColumns = [
  'preprocessing',
  'control',
  'job',
  'network',
  'dataset',
  'slo_ms',
  'curve_source',
  'batch_path_source',
  'ti_batching_percent',
  'ti_multi_tenancy_percent',
  'seed_approach',
  'scaler',
  'approach',
  'batch_size',
  'instances',
  'throughput_per_s',
  'p95_ms',
  'slo_attainment',
  'goodput_per_s',
  'verdict',
  'steady',
  'decisions_to_steady',
  'gain_percent',
];

/** `results.csv`: a line per comparison, job and scaler. */
export function resultsCsv({ serial, pipelined, seedControl }: Reproduction): string {
  return writeCsv([
    jobColumns,
    ...serial.jobs.flatMap((job) => jobLines('serial', 'p95', job)),
    ...pipelined.jobs.flatMap((job) => jobLines('pipelined', 'p95', job)),
    ...(seedControl?.jobs ?? []).flatMap((job) => jobLines('serial', 'seed', job)),
  ]);
}

function jobLines(preprocessing: string, control: string, job: JobResult): (string | number)[][] {
  return Object.entries(job.outcomes).map(([scaler, outcome]) => [
    preprocessing,
    control,
    job.job,
    job.network,
    job.dataset,
    job.sloMs,
    job.curveSource ?? '',
    job.batchPathSource ?? '',
    job.tiBatchingPercent?.toFixed(1) ?? '',
    job.tiMultiTenancyPercent?.toFixed(1) ?? '',
    job.seedApproach,
    scaler,
    outcome.approach ?? '',
    outcome.operatingPoint.batchSize,
    outcome.operatingPoint.instances,
    outcome.throughputPerS.toFixed(3),
    outcome.p95Ms.toFixed(3),
    outcome.sloAttainment.toFixed(5),
    outcome.goodputPerS.toFixed(3),
    outcome.verdict,
    String(outcome.steady),
    outcome.decisionsToSteady,
    scaler === 'dnnscaler' ? (job.gainPercent?.toFixed(1) ?? '') : '',
  ]);
}
