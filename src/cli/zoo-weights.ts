import { Command } from 'commander';
import { findNetwork } from '../zoo/registry.ts';
import { openWeightFile } from '../zoo/weight-files/weight-file.ts';
import {
  compareWeights,
  describeReport,
  formatShape,
  isComplete,
  requiredWeights,
} from '../zoo/weight-files/weights-report.ts';
import type { RequiredWeight, WeightsReport } from '../zoo/weight-files/weights-report.ts';
import { renderTable } from './text-table.ts';

interface WeightsCliOptions {
  readonly check?: string;
  readonly json?: boolean;
}

/** Names that a build lists of what it does not use. */
const shownLeftOver = 5;

/** `dnnscaler zoo weights`. */
export function zooWeightsCommand(): Command {
  return new Command('weights')
    .description('list the tensors that a weights file of a network must have, or check a file')
    .argument('<name>', 'a network of the zoo')
    .option(
      '--check <file>',
      'say how FILE.safetensors or FILE.npz differs; exit status 1 if it does not fit',
    )
    .option('--json', 'print JSON on standard output')
    .addHelpText(
      'after',
      `
Names are those of TF-Slim's variables, shapes those of TensorFlow: [height, width, inputs, outputs]
for convolutions, [height, width, channels, multiplier] for depthwise ones.

Examples:
  $ dnnscaler zoo weights mobilenet_v1_100
  $ dnnscaler zoo weights mobilenet_v1_100 --check trained.npz`,
    )
    .action(weights);
}

function weights(name: string, { check, json }: WeightsCliOptions): void {
  const required = requiredWeights(findNetwork(name));
  if (check === undefined) {
    const text = json === true ? JSON.stringify(required, null, 2) : tableOf(required);
    process.stdout.write(`${text}\n`);
    return;
  }
  const file = openWeightFile(check);
  let report: WeightsReport;
  try {
    report = compareWeights(required, file.tensors);
  } finally {
    file.close();
  }
  const text = json === true ? JSON.stringify(report, null, 2) : verdictOf(report, required.length);
  process.stdout.write(`${text}\n`);
  if (!isComplete(report)) process.exitCode = 1;
}

/** Says on standard error which tensors of a file that fits go unused. */
export function warnOfLeftOver(report: WeightsReport): void {
  if (!isComplete(report) || report.leftOver.length === 0) return;
  process.stderr.write(`${describeReport(report, shownLeftOver)}\n`);
}

function tableOf(required: readonly RequiredWeight[]): string {
  return renderTable(
    [{ heading: 'tensor' }, { heading: 'shape' }],
    required.map(({ name, dims }) => [name, formatShape(dims)]),
  );
}

function verdictOf(report: WeightsReport, needed: number): string {
  const details = describeReport(report);
  const fits = `${report.fitting} of ${needed} tensors fit`;
  return details === '' ? fits : `${fits}\n${details}`;
}
