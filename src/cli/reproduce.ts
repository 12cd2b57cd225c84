import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { DnnScalerError, invalidArgument } from '../errors.ts';
import type { Comparison, JobResult } from '../experiments/comparison.ts';
import { ratioOf } from '../experiments/comparison.ts';
import { loadP40Tables, loadPaperJobs } from '../experiments/paper-data.ts';
import type { PaperJob } from '../experiments/paper-jobs.ts';
import { paperGains } from '../experiments/paper-jobs.ts';
import type { Reproduction } from '../experiments/reproduce.ts';
import { defaultNoiseSigma, defaultScalers, reproduce } from '../experiments/reproduce.ts';
import { resultsCsv, resultsJson } from '../experiments/result-files.ts';
import { approachName } from '../experiments/why.ts';
import { scalerForms } from '../scaling/create-scaler.ts';
import { formatMs, formatPerS, formatShare } from '../units.ts';
import { parseSeed } from './options.ts';
import { splitScalers } from './scaler-list.ts';
import { parseSigma } from './scenario-options.ts';
import { stepProgress } from './step-progress.ts';
import { renderTable } from './text-table.ts';

interface ReproduceCliOptions {
  readonly jobs?: readonly number[];
  readonly scalers: readonly string[];
  readonly seed: number;
  readonly noise: number;
  readonly out: string;
  readonly quiet?: boolean;
}

/** `dnnscaler reproduce`: the paper's jobs on a simulated Tesla P40, with a report. */
export function reproduceCommand(): Command {
  return new Command('reproduce')
    .description("run the paper's jobs on a simulated Tesla P40 and write a report")
    .option('--jobs <list>', 'job numbers, such as 1,4,10-14 (default: all)', parseJobs)
    .option(
      '--scalers <list>',
      `scalers to run, separated by spaces or semicolons: ${scalerForms}`,
      splitScalers,
      defaultScalers,
    )
    .option('--seed <n>', 'seed of the noise', parseSeed, 1)
    .option('--noise <sigma>', 'lognormal noise of each call', parseSigma, defaultNoiseSigma)
    .option('--out <folder>', 'where to write the results', 'reproduction')
    .option('--quiet', 'show no progress')
    .addHelpText(
      'after',
      `
Writes results.json, results.csv and report.html into the folder. The same seed gives the same
files, to the byte.

Examples:
  $ dnnscaler reproduce
  $ dnnscaler reproduce --jobs 1,2,16-18 --scalers "clipper dnnscaler fixed:1,1" --out out/some`,
    )
    .action(run);
}

async function run(options: ReproduceCliOptions): Promise<void> {
  const jobs = chooseJobs(loadPaperJobs(), options.jobs);
  await makeFolder(options.out);
  const progress = stepProgress(options.quiet === true ? null : process.stderr);
  let reproduction: Reproduction;
  try {
    reproduction = await reproduce({
      tables: loadP40Tables(),
      jobs,
      scalers: options.scalers,
      seed: options.seed,
      noiseSigma: options.noise,
      onProgress: progress.update,
    });
  } finally {
    progress.end();
  }
  // The charting library takes a while to load, and no other command needs it.
  const { reportHtml } = await import('../experiments/report/page.ts');
  const files = {
    'results.json': resultsJson(reproduction),
    'results.csv': resultsCsv(reproduction),
    'report.html': reportHtml(reproduction),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(join(options.out, name), text);
  process.stdout.write(`${summarize(reproduction)}\n\n`);
  process.stdout.write(`wrote ${Object.keys(files).join(', ')} to ${options.out}\n`);
}

function summarize({ serial, pipelined, seedControl, scalers }: Reproduction): string {
  const lines = [table(serial, scalers), ''];
  if (serial.averageGainPercent !== null && serial.largestGain !== null) {
    const percent = (comparison: Comparison): string =>
      `${(comparison.averageGainPercent ?? Number.NaN).toFixed(0)}%`;
    lines.push(
      `DNNScaler over Clipper: ${percent(serial)} on average (the paper: ${paperGains.averageGainPercent}%), ` +
        `${serial.largestGain.toFixed(1)}x at most (the paper: up to ${paperGains.largestGain}x)`,
      `with images decoded beforehand: ${percent(pipelined)} on average`,
      `with DNNScaler on the mean and Clipper on p95, as in the seed: ${percent(seedControl)} on average`,
    );
  }
  const different = serial.jobs.filter(({ why }) => why !== undefined);
  if (scalers.includes('dnnscaler')) {
    const same = serial.jobs.length - different.length;
    lines.push(`the seed's approach in ${same} of ${serial.jobs.length} jobs`);
  }
  lines.push(
    ...different.map(
      ({ job, seedApproach, why = '' }) =>
        `  job ${job} (seed: ${approachName(seedApproach)}): ${why}`,
    ),
  );
  return lines.join('\n');
}

function table({ jobs }: Comparison, scalers: readonly string[]): string {
  const right = (heading: string) => ({ heading, align: 'right' }) as const;
  return renderTable(
    [
      right('job'),
      { heading: 'network' },
      { heading: 'dataset' },
      right('SLO'),
      { heading: 'approach' },
      ...scalers.flatMap((scaler) => [right(scaler), right('rate'), right('p95'), right('within')]),
      right('ratio'),
    ],
    jobs.map((job) => [
      String(job.job),
      job.network,
      job.dataset,
      formatMs(job.sloMs),
      job.approach ?? '-',
      ...scalers.flatMap((scaler) => outcomeCells(job, scaler)),
      `${ratioOf(job)?.toFixed(2) ?? '-'}x`,
    ]),
  );
}

function outcomeCells({ outcomes }: JobResult, scaler: string): readonly string[] {
  const outcome = outcomes[scaler];
  if (outcome === undefined) return ['-', '-', '-', '-'];
  const { batchSize, instances } = outcome.operatingPoint;
  return [
    `${batchSize},${instances}`,
    formatPerS(outcome.throughputPerS),
    formatMs(outcome.p95Ms),
    formatShare(outcome.sloAttainment),
  ];
}

function chooseJobs(
  all: readonly PaperJob[],
  wanted: readonly number[] | undefined,
): readonly PaperJob[] {
  if (wanted === undefined) return all;
  const unknown = wanted.find((number) => !all.some(({ job }) => job === number));
  if (unknown !== undefined) {
    const numbers = all.map(({ job }) => job).join(', ');
    throw invalidArgument('--jobs', `must be among the published ones, ${numbers}`, unknown);
  }
  return all.filter(({ job }) => wanted.includes(job));
}

async function makeFolder(folder: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DnnScalerError('invalid-argument', `--out cannot be made: ${why}`, { cause: error });
  }
}

function parseJobs(text: string): readonly number[] {
  return text.split(',').flatMap((part) => {
    const match = /^\s*(\d{1,4})(?:-(\d{1,4}))?\s*$/.exec(part);
    const from = Number(match?.[1]);
    const to = Number(match?.[2] ?? match?.[1]);
    if (!(from >= 1 && to >= from)) {
      throw new InvalidArgumentError('It must be job numbers and ranges, such as 1,4,10-14.');
    }
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
}
