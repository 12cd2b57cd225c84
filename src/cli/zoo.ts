import { stat } from 'node:fs/promises';
import { Command, InvalidArgumentError, Option } from 'commander';
import { DnnScalerError, invalidArgument } from '../errors.ts';
import { countOf } from '../zoo/counts.ts';
import { buildToFile } from '../zoo/model-file.ts';
import type { ImageDatatype } from '../zoo/network.ts';
import { findNetwork, zooNetworks } from '../zoo/registry.ts';
import { buildProgress } from './build-progress.ts';
import { Interrupts } from './interrupt.ts';
import { parseSeed } from './options.ts';
import { renderTable } from './text-table.ts';
import { warnOfLeftOver, zooWeightsCommand } from './zoo-weights.ts';

interface BuildCliOptions {
  readonly out: string;
  readonly seed: number;
  readonly input: 'uint8' | 'float32';
  readonly foldBatchNorm?: boolean;
  readonly weights?: string;
  readonly json?: boolean;
}

const imageDatatypes: Readonly<Record<BuildCliOptions['input'], ImageDatatype>> = {
  uint8: 'UINT8',
  float32: 'FP32',
};

/** `dnnscaler zoo list`, `zoo build` and `zoo weights`. */
export function zooCommand(): Command {
  const zoo = new Command('zoo').description('published networks, built here as ONNX files');
  zoo
    .command('list')
    .description('show the networks, their parameters, multiply-adds for one row, and input')
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
      '--input <type>',
      'input of image networks: uint8, normalised in the graph, or float32 in [-1, 1]',
      parseInput,
      'uint8',
    )
    .option('--fold-batch-norm', 'work batch normalisation into the convolutions before it')
    .option('--json', 'print JSON on standard output')
    .addHelpText(
      'after',
      `
Without --fold-batch-norm the file holds every variable of the published network under its name; ONNX
Runtime folds them when it loads the file.

Examples:
  $ dnnscaler zoo list
  $ dnnscaler zoo build mobilenet_v1_100 --out models/
  $ dnnscaler zoo build all --out models/ --fold-batch-norm --json
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
    inputs: network.inputs().map(({ name, datatype, dims }) => ({ name, datatype, dims })),
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
      { heading: 'input', align: 'right' },
      { heading: 'task' },
    ],
    networks.map(({ name, title, task, inputs, parameters, multiplyAdds }) => [
      name,
      title,
      millions(parameters),
      millions(multiplyAdds),
      inputs.map(({ datatype, dims }) => `${dims.join(' x ')} ${datatype}`).join(', '),
      task,
    ]),
  );
  process.stdout.write(`${table}\n`);
}

async function build(name: string, options: BuildCliOptions): Promise<void> {
  const networks = name === 'all' ? zooNetworks : [findNetwork(name)];
  if (options.weights !== undefined && name === 'all') {
    throw invalidArgument('--weights', 'is for one network at a time', name);
  }
  const interrupts = new Interrupts();
  const built: { name: string; path: string; bytes: number }[] = [];
  try {
    for (const [i, network] of networks.entries()) {
      const of = networks.length === 1 ? '' : ` (${i + 1} of ${networks.length})`;
      const path = await buildOne(network.name, of, options, interrupts);
      built.push({ name: network.name, path, bytes: (await stat(path)).size });
      if (options.json !== true) process.stdout.write(`${path}\n`);
    }
  } finally {
    interrupts.dispose();
  }
  if (options.json === true) process.stdout.write(`${JSON.stringify(built, null, 2)}\n`);
}

async function buildOne(
  name: string,
  of: string,
  options: BuildCliOptions,
  interrupts: Interrupts,
): Promise<string> {
  const progress = buildProgress(`${name}${of}`, process.stderr);
  const { seed, foldBatchNorm = false, weights: weightsFile } = options;
  try {
    return await buildToFile(name, options.out, {
      seed,
      foldBatchNorm,
      imageDatatype: imageDatatypes[options.input],
      onProgress: (share) => {
        // Thrown here, it takes the unfinished file away.
        if (interrupts.pending) throw new DnnScalerError('cancelled', `interrupted: ${name}`);
        progress.update(share);
      },
      ...(weightsFile !== undefined && { weightsFile, onWeightsReport: warnOfLeftOver }),
    });
  } finally {
    progress.end();
  }
}

function millions(count: number): string {
  const value = count / 1e6;
  return `${value.toFixed(value >= 100 ? 0 : 2)} M`;
}

function parseInput(text: string): BuildCliOptions['input'] {
  if (text === 'uint8' || text === 'float32') return text;
  throw new InvalidArgumentError('It must be uint8 or float32.');
}
