import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { DnnScalerError, invalidArgument } from '../errors.ts';
import type { Comparison, JobResult } from '../experiments/comparison.ts';
import { ratioOf } from '../experiments/comparison.ts';
import { loadP40Tables, loadPaperJobs } from '../experiments/paper-data.ts';
import type { PaperJob } from '../experiments/paper-jobs.ts';
import { paperGains } from '../experiments/paper-jobs.ts';
import type { Reproduction } from '../experiments/reproduce.ts';
import {
  defaultNoiseSigma,
  defaultScalers,
  mainComparison,
  reproduce,
} from '../experiments/reproduce.ts';
import { resultsCsv, resultsJson } from '../experiments/result-files.ts';
import { approachName } from '../experiments/why.ts';
import { scalerForms } from '../scaling/create-scaler.ts';
import { formatMs, formatPerS, formatShare } from '../units.ts';
import { writeTextFile } from '../zoo/model-file.ts';
import type { OnMachineCliOptions } from './reproduce-on-machine.ts';
import {
  addOnMachineOptions,
  refuseOnMachineOptions,
  runOnMachine,
} from './reproduce-on-machine.ts';
import { writeInTurn } from './output-file.ts';
import { splitScalers } from './scaler-list.ts';
import { parseSigma } from './scenario-options.ts';
import { stepProgress } from './step-progress.ts';
import { renderTable } from './text-table.ts';

interface ReproduceCliOptions extends OnMachineCliOptions {
  readonly engine: 'simulated' | 'onnx';
  readonly jobs?: readonly number[];
  readonly scalers: readonly string[];
  readonly noise: number;
  readonly out: string;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `dnnscaler reproduce`: the paper's jobs on a simulated Tesla P40, with a report. */
export function reproduceCommand(): Command {
  const command = new Command('reproduce')
    .description(
      "run the paper's jobs, on a simulated Tesla P40 or on this machine, and write a report",
    )
    .addOption(
      new Option('--engine <kind>', 'a simulated P40, or the real engine of this machine')
        .choices(['simulated', 'onnx'])
        .default('simulated'),
    )
    .option('--jobs <list>', 'job numbers, such as 1,4,10-14 (default: all)', parseJobs)
    .option(
      '--scalers <list>',
      `scalers to run, separated by spaces or semicolons: ${scalerForms}`,
      splitScalers,
      defaultScalers,
    )
    .option(
      '--noise <sigma>',
      'lognormal noise of each simulated call',
      parseSigma,
      defaultNoiseSigma,
    )
    .option('--out <folder>', 'where to write the results', 'reproduction')
    .option('--json', 'print results.json on standard output')
    .option('--quiet', 'show no progress');
  return addOnMachineOptions(command)
    .addHelpText(
      'after',
      `
Writes results.json, results.csv and report.html into the folder. On the simulated P40 the same seed
gives the same files, to the byte. On a real engine only the jobs on images are run, runs.json keeps
what is finished, and the same command goes on from there after Ctrl-C.

Examples:
  $ dnnscaler reproduce
  $ dnnscaler reproduce --jobs 1,2,16-18 --scalers "clipper dnnscaler fixed:1,1" --out out/some
  $ dnnscaler reproduce --engine onnx --slo-scale 5x --jobs 4,5,18 --out out/here
  $ dnnscaler reproduce --engine onnx --provider cuda --input imagenet/val --preprocessing inline`,
    )
    .action(run);
}

async function run(options: ReproduceCliOptions, command: Command): Promise<void> {
  if (options.engine === 'simulated') refuseOnMachineOptions(command);
  const jobs = chooseJobs(loadPaperJobs(), options.jobs);
  await makeFolder(options.out);
  const reproduction =
    options.engine === 'simulated'
      ? await runSimulated(jobs, options)
      : await runOnMachine(
          { jobs, scalers: options.scalers, out: options.out, quiet: options.quiet === true },
          options,
        );
  // The charting library takes a while to load, and no other command needs it.
  const { reportHtml } = await import('../experiments/report/page.ts');
  const files = {
    'results.json': resultsJson(reproduction),
    'results.csv': resultsCsv(reproduction),
    'report.html': reportHtml(reproduction),
  };
  // Before the files: a disk that is full must not cost the figures.
  process.stdout.write(
    options.json === true ? files['results.json'] : `${summarize(reproduction)}\n`,
  );
  await writeInTurn(
    ...Object.entries(files).map(
      ([name, text]) =>
        () =>
          writeTextFile(join(options.out, name), text),
    ),
  );
  if (options.json === true) return;
  process.stdout.write(`\nwrote ${Object.keys(files).join(', ')} to ${options.out}\n`);
}

async function runSimulated(
  jobs: readonly PaperJob[],
  options: ReproduceCliOptions,
): Promise<Reproduction> {
  const progress = stepProgress(options.quiet === true ? null : process.stderr);
  try {
    return await reproduce({
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
}

function summarize(reproduction: Reproduction): string {
  const { pipelined, seedControl, scalers, simulation, machine, notes } = reproduction;
  const main = mainComparison(reproduction);
  const when = simulation === null ? 'beside the calls' : 'beforehand';
  const lines = [
    ...(simulation === null ? [`on a real machine: ${machine}`, ...notes, ''] : []),
    table(main, scalers),
    '',
  ];
  if (main !== pipelined && simulation === null && pipelined.jobs.length > 0) {
    lines.push(`with images decoded ${when}:`, '', table(pipelined, scalers), '');
  }
  const percent = (comparison: Comparison | null): string =>
    `${(comparison?.averageGainPercent ?? Number.NaN).toFixed(0)}%`;
  if (main.averageGainPercent !== null && main.largestGain !== null) {
    lines.push(
      `DNNScaler over Clipper: ${percent(main)} on average (the paper: ${paperGains.averageGainPercent}%), ` +
        `${main.largestGain.toFixed(1)}x at most (the paper: up to ${paperGains.largestGain}x)`,
    );
    if (main !== pipelined && pipelined.jobs.length > 0) {
      lines.push(`with images decoded ${when}: ${percent(pipelined)} on average`);
    }
    if (seedControl !== null) {
      lines.push(
        `with DNNScaler on the mean and Clipper on p95, as in the seed: ${percent(seedControl)} on average`,
      );
    }
  }
  const different = main.jobs.filter(({ why }) => why !== undefined);
  if (scalers.includes('dnnscaler')) {
    const same = main.jobs.filter(({ approach, seedApproach }) => approach === seedApproach);
    lines.push(`the seed's approach in ${same.length} of ${main.jobs.length} jobs`);
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
      ratioText(ratioOf(job)),
    ]),
  );
}

function ratioText(ratio: number | undefined): string {
  return ratio === undefined ? '-' : `${ratio.toFixed(2)}x`;
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
