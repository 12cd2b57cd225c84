import { Argument, Command, Option } from 'commander';
import { datasetTitles, type DatasetName } from '../datasets/labels.ts';
import { folderLayouts, type FolderLayout } from '../datasets/synthesize/places.ts';
import { flatLabelsFile, synthesizeDataset } from '../datasets/synthesize/synthesize.ts';
import { Interrupts } from './interrupt.ts';
import { parseCount, parseSeed } from './options.ts';
import { stepProgress } from './step-progress.ts';

interface SynthesizeCliOptions {
  readonly out: string;
  readonly count: number;
  readonly seed: number;
  readonly layout: FolderLayout;
  readonly intoUsed?: boolean;
  readonly json?: boolean;
  readonly quiet?: boolean;
}

/** `dnnscaler dataset synthesize`. */
export function datasetCommand(): Command {
  const dataset = new Command('dataset').description('folders of images to run models on');
  dataset
    .command('synthesize')
    .description('write made-up photographs with the sizes, folders and names of a dataset')
    .addArgument(
      new Argument('<dataset>', 'whose statistics and names to take').choices(
        Object.keys(datasetTitles),
      ),
    )
    .requiredOption('--out <dir>', 'where to write: an empty folder, or a new one')
    .requiredOption('--count <n>', 'images to make', parseCount)
    .option('--seed <n>', 'seed of the pictures', parseSeed, 1)
    .addOption(
      new Option(
        '--layout <kind>',
        'a folder for each class, or all in one as the validation images of ImageNet',
      )
        .choices(folderLayouts)
        .default('folders'),
    )
    .option('--into-used', 'write even if the folder holds something')
    .option('--json', 'print one JSON object on standard output')
    .option('--quiet', 'show no progress')
    .addHelpText(
      'after',
      `
Ctrl-C ends with the images written so far; none is left torn.

Examples:
  $ dnnscaler dataset synthesize imagenet --out imagenet --count 500
  $ dnnscaler dataset synthesize imagenet --out val --count 500 --layout flat
  $ dnnscaler dataset synthesize caltech256 --out caltech --count 500 --seed 7
  $ dnnscaler run zoo:mobilenet_v1_100 --slo 100ms --input val --labels val/${flatLabelsFile}`,
    )
    .action(synthesize);
  return dataset;
}

async function synthesize(dataset: DatasetName, options: SynthesizeCliOptions): Promise<void> {
  const { out: folder, count, seed, layout } = options;
  const interrupts = new Interrupts();
  const progress = stepProgress(options.quiet === true ? null : process.stderr);
  try {
    const made = await synthesizeDataset({
      ...{ dataset, folder, count, seed, layout },
      intoUsed: options.intoUsed === true,
      isCancelled: () => interrupts.pending,
      onProgress: progress.update,
    });
    progress.end();
    if (options.json === true) {
      process.stdout.write(`${JSON.stringify({ dataset, folder, ...made }, null, 2)}\n`);
    } else {
      const size = `${made.meanWidth.toFixed(0)} x ${made.meanHeight.toFixed(0)} px`;
      const kilobytes = (made.bytes / made.images / 1000).toFixed(1);
      const averages = made.images === 0 ? '' : `, ${size} and ${kilobytes} kB on average`;
      process.stdout.write(`${made.images} images in ${folder}${averages}\n`);
    }
    if (made.isCancelled) process.exitCode = 130;
  } finally {
    progress.end();
    interrupts.dispose();
  }
}
