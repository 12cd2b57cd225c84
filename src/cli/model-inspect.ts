import { Command } from 'commander';
import { inspectModel } from '../models/inspect-model.ts';
import type { Batchability, ModelReport } from '../models/inspect-model.ts';
import type { DeclaredBatch, ValueReport } from '../models/inspect-file.ts';
import { formatBytes } from '../units.ts';
import { shapeOption } from './options.ts';

interface InspectCliOptions {
  readonly shape: Readonly<Record<string, readonly number[]>>;
  readonly run: boolean;
  readonly json?: boolean;
}

export function inspectCommand(): Command {
  return new Command('inspect')
    .description('print inputs, outputs, types, parameters, multiply-adds and batchability')
    .argument('<file>', 'an ONNX file')
    .addOption(shapeOption())
    .option('--no-run', 'only read the file: do not try whether rows can share a batch')
    .option('--json', 'print one JSON object on standard output')
    .addHelpText(
      'after',
      `
Multiply-adds are those of one row, counted from the file; what could not be counted is said.

Examples:
  $ dnnscaler model inspect model.onnx
  $ dnnscaler model inspect bert.onnx --shape input_ids=1,128 --json`,
    )
    .action(inspect);
}

async function inspect(file: string, { shape, run, json }: InspectCliOptions): Promise<void> {
  const report = await inspectModel(file, { shapes: shape, run });
  process.stdout.write(`${json === true ? JSON.stringify(report, null, 2) : describe(report)}\n`);
}

/** Reasons of one kind that are shown; the rest are counted. */
const mostReasons = 8;

function describe(report: ModelReport): string {
  const { opsets, producer, irVersion } = report;
  const sets = opsets.map(({ domain, version }) => `${domain} ${version}`).join(', ');
  const lines = [
    `file           ${report.file}, ${formatBytes(report.bytes)}`,
    `made by        ${producer ?? 'not said'}; IR version ${irVersion}, operators ${sets}`,
    ...list('inputs', report.inputs.map(value)),
    ...list('outputs', report.outputs.map(value)),
    `nodes          ${report.nodes}: ${topOperators(report)}`,
    `parameters     ${count(report.parameters)}${statistics(report)}`,
    `multiply-adds  ${count(report.multiplyAdds)} for one row${report.multiplyAddsNotCounted.length > 0 ? ', without what follows:' : ''}`,
    ...some(report.multiplyAddsNotCounted),
    ...list(
      'external data',
      report.externalData.map(
        ({ location, bytes }) =>
          `${location}, ${bytes === null ? 'which is missing' : formatBytes(bytes)}`,
      ),
    ),
    `batch          ${declared(report.declaredBatch)}`,
    `               ${tried(report.batchability)}`,
  ];
  for (const { input, dims } of report.openDimensions) {
    lines.push(`open           ${dims.join(', ')} of ${input}: to be given by --shape`);
  }
  return lines.join('\n');
}

function list(heading: string, entries: readonly string[]): string[] {
  return entries.map((entry, i) => `${(i === 0 ? heading : '').padEnd(15)}${entry}`);
}

function some(reasons: readonly string[]): string[] {
  const shown = reasons.slice(0, mostReasons);
  const more = reasons.length - shown.length;
  const rest = more > 0 ? [`and ${more} more; --json shows all`] : [];
  return list('', [...shown, ...rest]);
}

function value({ name, datatype, dims }: ValueReport): string {
  if (dims === null) return `${name}  ${datatype}, of no declared shape`;
  return `${name}  ${datatype} [${dims.map((dim) => (dim === '' ? '?' : dim)).join(', ')}]`;
}

function topOperators({ operators }: ModelReport): string {
  const all = Object.entries(operators).map(([name, calls]) => `${calls} ${name}`);
  const rest = all.length > 6 ? `, and ${all.length - 6} other operators` : '';
  return `${all.slice(0, 6).join(', ')}${rest}`;
}

function statistics({ movingStatistics }: ModelReport): string {
  return movingStatistics === 0 ? '' : `, and ${count(movingStatistics)} moving statistics`;
}

function count(number: number): string {
  const units = [
    [1e9, 'G'],
    [1e6, 'M'],
  ] as const;
  const [size, unit] = units.find(([least]) => number >= least) ?? [1, ''];
  return unit === '' ? String(number) : `${(number / size).toFixed(2)} ${unit}`;
}

function declared(batch: DeclaredBatch): string {
  if (batch.kind === 'symbolic') {
    return `open in every input${batch.name === '' ? '' : `, as ${batch.name}`}`;
  }
  return batch.kind === 'fixed'
    ? `fixed at ${batch.size} in every input`
    : 'none in front of all inputs';
}

function tried(batchability: Batchability): string {
  switch (batchability.kind) {
    case 'proven':
      return ['tried: row i of a batch gives what it gives alone', ...batchability.notes].join(
        '; ',
      );
    case 'fixed':
      return `tried: ${batchability.rows} rows a run; ${batchability.notes.join('; ')}`;
    case 'single':
      return `tried: rows run one at a time; ${batchability.notes.join('; ')}`;
    case 'not-run':
      return `not tried: ${batchability.reason}`;
  }
}
