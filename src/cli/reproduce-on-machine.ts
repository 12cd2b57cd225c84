import { totalmem } from 'node:os';
import { join } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { systemClock } from '../clock.ts';
import type { DatasetName } from '../datasets/labels.ts';
import { letHeapGrow } from '../engines/heap-growth.ts';
import { openOnnxEngine } from '../engines/onnx/onnx-engine.ts';
import { invalidArgument } from '../errors.ts';
import { loadLibrary, estimatorFor, machineSignature } from '../estimation/index.ts';
import { reproduceOnMachine } from '../experiments/machine/reproduce-on-machine.ts';
import type { ImageRun } from '../experiments/machine/run-images.ts';
import { StateFile } from '../experiments/machine/state-file.ts';
import { synthesizedFolder } from '../experiments/machine/synthesized-folder.ts';
import type { PaperJob } from '../experiments/paper-jobs.ts';
import type { Reproduction } from '../experiments/reproduce.ts';
import type { PreprocessingMode } from '../serving/images-on-engine.ts';
import { preprocessingModes } from '../serving/images-on-engine.ts';
import { Interrupts } from './interrupt.ts';
import { buildCached } from './open-model.ts';
import type { EngineCliOptions } from './options.ts';
import { addEngineOptions, durationParser, engineOptionsOf, parseCount } from './options.ts';
import { stepProgress } from './step-progress.ts';

/** Options of the command that only a real engine has. */
export interface OnMachineCliOptions extends EngineCliOptions {
  readonly input?: string;
  readonly images: number;
  readonly preprocessing?: PreprocessingMode | 'both';
  readonly sloScale?: number;
  readonly duration?: number;
  readonly fresh?: boolean;
}

interface Work {
  readonly jobs: readonly PaperJob[];
  readonly scalers: readonly string[];
  readonly out: string;
  readonly quiet: boolean;
}

/** Bounds of the duration of one run where none is asked for: by the speed of the network. */
const shortestMs = 20_000;
const longestMs = 180_000;

/** The one option of engines that the simulator has, too. */
const seedAttribute = 'seed';

export function addOnMachineOptions(command: Command): Command {
  addEngineOptions(command);
  return command
    .option('--input <source>', 'with onnx: a folder of images, or synthesized')
    .option('--images <n>', 'images of each dataset to synthesize', parseCount, 200)
    .addOption(
      new Option(
        '--preprocessing <when>',
        'with onnx: which comparisons to run (default: both)',
      ).choices([...preprocessingModes, 'both']),
    )
    .option(
      '--slo-scale <factor>',
      "with onnx: SLOs of so many times the latency at (1,1), such as 5x, in place of the jobs' own",
      parseFactor,
    )
    .option(
      '--duration <duration>',
      'with onnx: how long each scaler runs (default: by the speed of the network)',
      durationParser('--duration'),
    )
    .option('--fresh', 'with onnx: begin afresh rather than go on where the folder was left');
}

/**
 * Where the simulated machine would pass over what was asked for.
 *
 * @throws DnnScalerError `invalid-argument` for an option, given by the user, of a real engine only
 */
export function refuseOnMachineOptions(command: Command): void {
  const onMachine = addOnMachineOptions(new Command()).options;
  const given = onMachine.find(
    (option) =>
      option.attributeName() !== seedAttribute &&
      command.getOptionValueSource(option.attributeName()) === 'cli',
  );
  if (given === undefined) return;
  throw invalidArgument(given.long ?? given.flags, 'needs a real engine', '--engine simulated');
}

/** `dnnscaler reproduce --engine onnx`: the image jobs on the machine at hand. */
export async function runOnMachine(
  { jobs, scalers, out, quiet }: Work,
  options: OnMachineCliOptions,
): Promise<Reproduction> {
  letHeapGrow();
  const { input = 'synthesized', images: count, seed, sloScale, duration, provider } = options;
  const machine = describeMachine(options);
  const modes = modesOf(options.preprocessing ?? 'both');
  const state = await StateFile.open<ImageRun>(
    join(out, 'runs.json'),
    {
      ...{ machine, scalers, input, seed },
      images: input === 'synthesized' ? count : null,
      sloScale: sloScale ?? null,
      duration: duration ?? null,
      engine: engineOptionsOf(options),
    },
    options.fresh === true,
  );
  const interrupts = new Interrupts();
  const isCancelled = (): boolean => interrupts.pending;
  const stream = quiet ? null : process.stderr;
  const progress = stepProgress(stream);
  if (state.count > 0 && !quiet) {
    process.stderr.write(`going on from ${state.count} finished parts in ${out}\n`);
  }
  const library = await loadLibrary({ machine: machineSignature(), provider });
  try {
    return await reproduceOnMachine({
      ...{ jobs, modes, scalers, seed, machine, state, isCancelled },
      ...(sloScale !== undefined && { sloFactor: sloScale }),
      clock: systemClock,
      duration: { shortestMs, longestMs, ...(duration !== undefined && { durationMs: duration }) },
      estimate: estimatorFor(library),
      notes: [describeImages(input, count)],
      openEngine: async (network) =>
        openOnnxEngine({
          ...engineOptionsOf(options),
          modelPath: await buildCached(network, stream),
        }),
      folderOf: (dataset: DatasetName) =>
        input === 'synthesized'
          ? synthesizedFolder({ dataset, count, seed, isCancelled, onProgress: progress.update })
          : Promise.resolve(input),
      onProgress: progress.update,
      onStoppable: (stop) => {
        interrupts.handle(stop);
      },
    });
  } finally {
    progress.end();
    interrupts.dispose();
  }
}

function describeMachine({ provider }: EngineCliOptions): string {
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${machineSignature()}, ${memory}; ONNX Runtime on ${provider}; Node.js ${process.version}`;
}

function describeImages(input: string, count: number): string {
  return input === 'synthesized'
    ? `The images are made up: ${count} of each dataset, with its resolutions and file sizes.`
    : `Every job runs on the images of ${input}, whatever its dataset.`;
}

function modesOf(wanted: PreprocessingMode | 'both'): readonly PreprocessingMode[] {
  return wanted === 'both' ? ['inline', 'pipelined'] : [wanted];
}

function parseFactor(text: string): number {
  const factor = Number(/^(\d+(?:\.\d+)?)x?$/.exec(text.trim())?.[1]);
  if (factor > 1 && Number.isFinite(factor)) return factor;
  throw new InvalidArgumentError('It must be a factor over 1, such as 5x.');
}
