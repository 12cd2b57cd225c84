import { Command, InvalidArgumentError, Option } from 'commander';
import { invalidArgument } from '../errors.ts';
import { countOf } from '../zoo/counts.ts';
import { buildToFile } from '../zoo/model-file.ts';
import type { ImageDatatype } from '../zoo/network.ts';
import { findNetwork, zooNetworks } from '../zoo/registry.ts';
import { buildProgress } from './build-progress.ts';
import { parseSeed } from './options.ts';
import { renderTable } from './text-table.ts';
import { warnOfLeftOver, zooWeightsCommand } from './zoo-weights.ts';

interface BuildCliOptions {
  readonly out: string;
  readonly seed: number;
  readonly imageInput: 'uint8' | 'float32';
  readonly weights?: string;
}

const imageDatatypes: Readonly<Record<BuildCliOptions['imageInput'], ImageDatatype>> = {
  uint8: 'UINT8',
  float32: 'FP32',
};

/** `dnnscaler zoo list` and `dnnscaler zoo build`. */
export function zooCommand(): Command {
  const zoo = new Command('zoo').description('published networks, built here as ONNX files');
  zoo
    .command('list')
    .description('show the networks, their parameters and multiply-adds')
    .option('--json', 'print JSON on standard output')
    .action(list);
  zoo
    .command('build')
    .description('write DIR/NAME.onnx, with a symbolic batch dimension and seeded weights')
    .argument('<name>', 'a network of the zoo, or all')
    .requiredOption('--out <dir>', 'where to write')
    .option('--seed <n>', 'seed of the weights', parseSeed, 1)
    .addOption(
      new Option(
        '--weights <file>',
        'take the weights from FILE.safetensors or FILE.npz (see zoo weights)',
      ).conflicts('seed'),
    )
    .option(
      '--image-input <type>',
      'input type of image networks: uint8 or float32',
      parseImageInput,
      'uint8',
    )
    .addHelpText(
      'after',
      `
Examples:
  $ dnnscaler zoo list
  $ dnnscaler zoo build mobilenet_v1_100 --out models/
  $ dnnscaler zoo build mobilenet_v1_100 --weights trained.safetensors --out models/`,
    )
    .action(build);
  zoo.addCommand(zooWeightsCommand());
  return zoo;
}

function list(options: { readonly json?: boolean }): void {
  const networks = zooNetworks.map((network) => ({
    name: network.name,
    title: network.title,
    task: network.task,
    source: network.source,
    ...countOf(network.build()),
  }));
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify(networks, null, 2)}\n`);
    return;
  }
  const table = renderTable(
    [
      { heading: 'name' },
      { heading: 'network' },
      { heading: 'parameters', align: 'right' },
      { heading: 'multiply-adds', align: 'right' },
      { heading: 'task' },
    ],
    networks.map(({ name, title, task, parameters, multiplyAdds }) => [
      name,
      title,
      millions(parameters),
      millions(multiplyAdds),
      task,
    ]),
  );
  process.stdout.write(`${table}\n`);
}

async function build(name: string, options: BuildCliOptions): Promise<void> {
  const networks = name === 'all' ? zooNetworks : [findNetwork(name)];
  const { weights: weightsFile } = options;
  if (weightsFile !== undefined && name === 'all') {
    throw invalidArgument('--weights', 'is for one network at a time', name);
  }
  for (const network of networks) {
    const progress = buildProgress(network.name, process.stderr);
    let path: string;
    try {
      path = await buildToFile(network.name, options.out, {
        seed: options.seed,
        imageDatatype: imageDatatypes[options.imageInput],
        onProgress: progress.update,
        ...(weightsFile !== undefined && { weightsFile, onWeightsReport: warnOfLeftOver }),
      });
    } finally {
      progress.end();
    }
    process.stdout.write(`${path}\n`);
  }
}

function millions(count: number): string {
  const value = count / 1e6;
  return `${value.toFixed(value >= 100 ? 0 : 2)} M`;
}

function parseImageInput(text: string): BuildCliOptions['imageInput'] {
  if (text === 'uint8' || text === 'float32') return text;
  throw new InvalidArgumentError('It must be uint8 or float32.');
}
