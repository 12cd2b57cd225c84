import { readFile } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { DnnScalerError, invalidArgument } from '../errors.ts';
import { builtInLibrary } from '../estimation/estimator.ts';
import type { FilledTable } from '../estimation/fill-table.ts';
import { fillTable } from '../estimation/fill-table.ts';
import type { LatencyTable } from '../estimation/latency-table.ts';
import { parseLatencyTable } from '../estimation/latency-table.ts';
import type { EstimationMethod, LeaveOneOutReport } from '../estimation/leave-one-out.ts';
import { estimationMethods, leaveOneOut } from '../estimation/leave-one-out.ts';
import { renderTable } from './text-table.ts';

interface EstimateCliOptions {
  readonly observe?: readonly number[];
  readonly leaveOneOut?: boolean;
  readonly method: EstimationMethod;
  readonly builtIn?: boolean;
  readonly json?: boolean;
}

/** The two observations of the paper. */
const paperObserve = [1, 8];

/** `dnnscaler estimate`: latencies by instances from a few measured ones, and how good they are. */
export function estimateCommand(): Command {
  return new Command('estimate')
    .description('estimate the latencies a table lacks, or measure how good such estimates are')
    .argument('<table>', 'CSV: columns naming the row, then latencies in ms at 1, 2, ... instances')
    .option(
      '--leave-one-out',
      'estimate every row from its observed cells and the other rows, and compare',
    )
    .option(
      '--observe <counts>',
      'instances at which a row left out is known (default: 1,8, or the first and last column)',
      parseObserve,
    )
    .addOption(
      new Option('--method <name>', 'nuclear is the completion of the paper, default is ours')
        .choices([...estimationMethods])
        .default('default'),
    )
    .option('--built-in', 'learn from the built-in networks too, when filling in')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText(
      'after',
      `
Without --leave-one-out, empty cells of the table are filled in.

Examples:
  $ dnnscaler estimate latencies.csv --observe 1,8 --leave-one-out
  $ dnnscaler estimate latencies.csv --leave-one-out --method nuclear --json
  $ dnnscaler estimate latencies.csv --built-in`,
    )
    .action(estimate);
}

async function estimate(file: string, options: EstimateCliOptions): Promise<void> {
  const table = parseLatencyTable(await readTable(file), file);
  const report = options.leaveOneOut === true ? judge(table, options) : fill(table, options);
  const text =
    options.json === true
      ? JSON.stringify(report, null, 2)
      : 'meanErrorPercent' in report
        ? formatLeaveOneOut(report)
        : formatFilledTable(report);
  process.stdout.write(`${text}\n`);
}

function judge(table: LatencyTable, options: EstimateCliOptions): LeaveOneOutReport {
  if (options.builtIn === true) {
    const rule = 'does not go with --leave-one-out, which learns from the table alone';
    throw invalidArgument('--built-in', rule, true);
  }
  const observe = options.observe ?? defaultObserve(table.instances);
  return leaveOneOut(table, { observe, method: options.method });
}

function defaultObserve(instances: readonly number[]): readonly number[] {
  const ends = [instances[0] as number, instances.at(-1) as number];
  return paperObserve.every((count) => instances.includes(count)) ? paperObserve : ends;
}

function fill(table: LatencyTable, { observe, method, builtIn }: EstimateCliOptions): FilledTable {
  if (observe !== undefined) {
    const rule = 'goes with --leave-one-out; without it, every cell given counts as observed';
    throw invalidArgument('--observe', rule, observe.join(','));
  }
  return fillTable(table, { method, library: builtIn === true ? builtInLibrary : [] });
}

/** The errors row by row, their mean, and what to know about them. */
export function formatLeaveOneOut(report: LeaveOneOutReport): string {
  const table = renderTable(
    [{ heading: 'row' }, { heading: 'mean error', align: 'right' }],
    report.rows.map(({ name, errorPercent }) => [name, percent(errorPercent)]),
  );
  const { method, observe, meanErrorPercent } = report;
  const summary =
    `mean error ${percent(meanErrorPercent)} (method ${method}, observed at ` +
    `${observe.join(' and ')} of ${report.instances.length} counts of instances)`;
  return [table, '', summary, ...notes(report.notes)].join('\n');
}

/** Latencies by instances, estimates marked with `~`. */
export function formatFilledTable(report: FilledTable): string {
  const table = renderTable(
    [
      { heading: 'row' },
      ...report.instances.map((count) => ({ heading: String(count), align: 'right' as const })),
    ],
    report.rows.map(({ name, latenciesMs, estimated }) => [
      name,
      ...latenciesMs.map((ms, i) => {
        const mark = estimated.includes(report.instances[i] as number) ? '~' : '';
        return `${mark}${ms.toPrecision(4)}`;
      }),
    ]),
  );
  const summary = `latency in ms by instances; ~ is estimated (method ${report.method})`;
  return [table, '', summary, ...notes(report.notes)].join('\n');
}

function notes(sentences: readonly string[]): string[] {
  return sentences.map((sentence) => `note: ${sentence}`);
}

function percent(value: number): string {
  return `${value.toFixed(1)}%`;
}

function parseObserve(text: string): readonly number[] {
  const counts = text.split(',').map((part) => part.trim());
  if (!counts.every((count) => /^\d{1,6}$/.test(count) && Number(count) >= 1)) {
    throw new InvalidArgumentError('It must be counts of instances, such as 1,8.');
  }
  return counts.map(Number);
}

async function readTable(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DnnScalerError('not-found', `cannot read the table ${file}: ${why}`, {
      cause: error,
    });
  }
}
