import { Command, InvalidArgumentError, Option } from 'commander';
import { DnnScalerError } from '../errors.ts';
import { makeBatchable } from '../models/batchable/make-batchable.ts';
import type { MadeBatchable } from '../models/batchable/make-batchable.ts';
import { Interrupts } from './interrupt.ts';
import { shapeOption } from './options.ts';
import { stepProgress } from './step-progress.ts';

interface MakeBatchableCliOptions {
  readonly out: string;
  readonly shape: Readonly<Record<string, readonly number[]>>;
  readonly integersBelow: Readonly<Record<string, number>>;
  readonly tolerance: number;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

export function makeBatchableCommand(): Command {
  return new Command('make-batchable')
    .description(
      'open the fixed batch dimension of a model, and prove by running that rows stay apart',
    )
    .argument('<file>', 'an ONNX file')
    .requiredOption(
      '--out <file>',
      'the file to write; weights outside of the model are copied beside it',
    )
    .addOption(shapeOption())
    .addOption(
      new Option(
        '--integers-below <input=n>',
        'draw an integer input from 0 up to n, such as input_ids=30000; may be repeated',
      )
        .argParser(collectBound)
        .default({}, '2 for each'),
    )
    .option(
      '--tolerance <share>',
      'greatest difference of a row, relative to the largest value of its output',
      parseTolerance,
      1e-3,
    )
    .option('--force', 'write over a file that is there already')
    .option('--json', 'print one JSON object on standard output')
    .option('--quiet', 'show no progress')
    .addHelpText(
      'after',
      `
Nothing is written when rows cannot share a batch: the error names the node that is why.

Examples:
  $ dnnscaler model make-batchable model.onnx --out batched.onnx
  $ dnnscaler model make-batchable bert.onnx --out batched.onnx --integers-below input_ids=30000`,
    )
    .action(run);
}

async function run(file: string, options: MakeBatchableCliOptions): Promise<void> {
  const progress = stepProgress(options.quiet === true ? null : process.stderr);
  const interrupts = new Interrupts();
  let made: MadeBatchable;
  try {
    made = await makeBatchable(file, options.out, {
      shapes: options.shape,
      integersBelow: options.integersBelow,
      tolerance: options.tolerance,
      force: options.force === true,
      onProgress: (done, total) => {
        if (interrupts.pending)
          throw new DnnScalerError('cancelled', 'interrupted: nothing was written');
        progress.update(done, total, 'runs');
      },
    });
  } finally {
    progress.end();
    interrupts.dispose();
  }
  process.stdout.write(
    `${options.json === true ? JSON.stringify(made, null, 2) : describe(made)}\n`,
  );
}

function describe(made: MadeBatchable): string {
  const { proof } = made;
  const changes = made.changes.length === 0 ? ['no node had to change'] : made.changes;
  const before = made.batchSize === undefined ? 'open' : `fixed at ${made.batchSize}`;
  return [
    `${made.out}: the batch was ${before}, and is now ${made.batchName}`,
    ...changes.map((change) => `  ${change}`),
    ...made.assumed.map((node) => `  shown by running alone: ${node}`),
    ...made.copied.map((name) => `  copied: ${name}`),
    `every row of batches of ${proof.batchSizes.join(', ')} gives what it gives alone: ` +
      `${proof.rows} rows, largest difference ${proof.largestError.toPrecision(2)} of the largest value`,
  ].join('\n');
}

function collectBound(
  text: string,
  bounds: Readonly<Record<string, number>>,
): Readonly<Record<string, number>> {
  const split = text.lastIndexOf('=');
  const bound = Number(text.slice(split + 1));
  if (split < 1 || !Number.isSafeInteger(bound) || bound < 1) {
    throw new InvalidArgumentError('It must be NAME=N with an integer of at least 1.');
  }
  return { ...bounds, [text.slice(0, split)]: bound };
}

function parseTolerance(text: string): number {
  const share = Number(text);
  if (text.trim() === '' || !(share >= 0 && share < 1)) {
    throw new InvalidArgumentError('It must be a number from 0 and under 1, such as 0.001.');
  }
  return share;
}
