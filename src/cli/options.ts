import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { PreprocessingName } from '../datasets/image-signature.ts';
import { preprocessingHints } from '../datasets/image-signature.ts';
import type { MemoryShare, OnnxEngineOptions } from '../engines/onnx/options.ts';
import { providers } from '../engines/onnx/providers.ts';
import { DnnScalerError } from '../errors.ts';
import { scalerForms } from '../scaling/create-scaler.ts';
import type { PreprocessingMode } from '../serving/images-on-engine.ts';
import { preprocessingModes } from '../serving/images-on-engine.ts';
import type { Slo } from '../slo.ts';
import { defaultPercentile, makeSlo } from '../slo.ts';
import { parseBytes, parseDurationMs } from '../units.ts';

/** Options that say which model to open and how to run it. */
export interface EngineCliOptions {
  readonly provider: NonNullable<OnnxEngineOptions['provider']>;
  readonly isolation?: NonNullable<OnnxEngineOptions['isolation']>;
  readonly device?: number;
  readonly memoryPerInstance?: MemoryShare;
  readonly mps?: 'auto' | 'off';
  readonly threadsPerInstance: number | 'auto';
  readonly maxInstances?: number;
  readonly maxBatch?: number;
  readonly shape: Readonly<Record<string, readonly number[]>>;
  readonly seed: number;
}

/** The same, and what to feed it. */
export interface ModelCliOptions extends EngineCliOptions {
  readonly input: string;
  /** For a folder of images, as the next ones. Default pipelined. */
  readonly preprocessing?: PreprocessingMode;
  readonly pipeline?: PreprocessingName;
  readonly labels?: string;
}

/** Options that say what to hold, and for how long. */
export interface ObjectiveCliOptions {
  readonly slo: number;
  readonly percentile: number;
  readonly duration: number;
}

/** Options of how to show it. */
export interface OutputCliOptions {
  readonly json?: boolean;
  readonly quiet?: boolean;
  readonly csv?: string;
}

/** @param isolation what `--isolation` is by default, in words */
export function addEngineOptions(
  command: Command,
  isolation = 'thread on cpu, else process',
): Command {
  return command
    .addOption(
      new Option('--provider <name>', 'execution provider of ONNX Runtime')
        .choices(providers)
        .default('cpu'),
    )
    .addOption(
      new Option(
        '--isolation <kind>',
        `instances as threads, or as processes of their own (default: ${isolation})`,
      ).choices(['thread', 'process']),
    )
    .option(
      '--device <n>',
      'GPU to run on, as nvidia-smi numbers them (cuda, tensorrt; default: the first)',
      parseDevice,
    )
    .option(
      '--memory-per-instance <share>',
      'GPU memory of each instance: a share such as 0.1, or bytes such as 2GiB (cuda, tensorrt)',
      parseMemoryShare,
    )
    .addOption(
      new Option(
        '--mps <when>',
        "CUDA's Multi-Process Service for several instances: auto starts it where it does not run",
      )
        .choices(['auto', 'off'])
        .default('auto'),
    )
    .option(
      '--threads-per-instance <n|auto>',
      'threads of each instance on the CPU; auto shares all cores out',
      parseThreads,
      'auto' as const,
    )
    .option(
      '--max-instances <n>',
      'most co-located instances (default: 10; cores on cpu)',
      parseCount,
    )
    .option('--max-batch <n>', 'largest batch size (default: 128)', parseCount)
    .addOption(shapeOption())
    .option('--seed <n>', 'seed of the order of images and of synthetic input', parseSeed, 1);
}

/** The same for the engine. */
export function engineOptionsOf(options: EngineCliOptions): Omit<OnnxEngineOptions, 'modelPath'> {
  return {
    provider: options.provider,
    threadsPerInstance: options.threadsPerInstance,
    shapes: options.shape,
    seed: options.seed,
    ...(options.isolation && { isolation: options.isolation }),
    ...(options.device !== undefined && { device: options.device }),
    ...(options.memoryPerInstance && { memoryPerInstance: options.memoryPerInstance }),
    ...(options.mps && { mps: options.mps }),
    ...(options.maxInstances && { maxInstances: options.maxInstances }),
    ...(options.maxBatch && { maxBatchSize: options.maxBatch }),
  };
}

export function addInputOption(command: Command): Command {
  return command
    .option('--input <source>', 'synthetic, or a folder of images', 'synthetic')
    .addOption(
      new Option(
        '--preprocessing <when>',
        'decode images beside the calls, or inside each call, one after the other',
      )
        .choices(preprocessingModes)
        .default('pipelined'),
    )
    .addOption(
      new Option(
        '--pipeline <name>',
        'how images become the input (default: as the network of the zoo was trained, else by its shapes)',
      ).choices(Object.keys(preprocessingHints)),
    );
}

export function addLabelsOption(command: Command): Command {
  return command.option(
    '--labels <file>',
    "classes of ImageNet's validation images: a synset or ILSVRC2012_ID a line, or NAME CLASS",
  );
}

export function addSloOptions(command: Command): Command {
  return command
    .requiredOption('--slo <duration>', 'latency objective, such as 50ms', durationParser('--slo'))
    .option(
      '--percentile <p>',
      'share of requests that must be within the SLO',
      parsePercentile,
      defaultPercentile,
    );
}

export function addObjectiveOptions(command: Command, defaultDuration: string): Command {
  return addSloOptions(command).addOption(
    durationOption('--duration', 'how long to run', defaultDuration),
  );
}

/** @param byDefault as a user would write it, such as `60s` */
export function durationOption(name: string, description: string, byDefault: string): Option {
  return new Option(`${name} <duration>`, description)
    .argParser(durationParser(name))
    .default(parseDurationMs(byDefault, name), byDefault);
}

export function addOutputOptions(command: Command): Command {
  return command
    .option('--json', 'print one JSON object on standard output')
    .option('--csv <file>', 'write the time series to a file')
    .option('--quiet', 'show no progress');
}

export const scalerHelp = `what turns the knobs: ${scalerForms}; auto is joint`;

export function sloFrom(options: Pick<ObjectiveCliOptions, 'slo' | 'percentile'>): Slo {
  return makeSlo(options.slo, options.percentile);
}

/** Wraps a parser of ours so that commander names the option and exits as for any bad usage. */
export function argumentParser<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (error instanceof DnnScalerError) throw new InvalidArgumentError(error.message);
      throw error;
    }
  };
}

export function durationParser(what: string): (text: string) => number {
  return argumentParser((text) => parseDurationMs(text, what));
}

export function parseCount(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < 1) {
    throw new InvalidArgumentError('It must be an integer of at least 1.');
  }
  return count;
}

export function parseSeed(text: string): number {
  const seed = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(seed)) {
    throw new InvalidArgumentError('It must be an integer of at least 0.');
  }
  return seed;
}

function parseDevice(text: string): number {
  if (/^\d{1,4}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be an integer of at least 0.');
}

function parseMemoryShare(text: string): MemoryShare {
  if (/[a-z]/i.test(text)) {
    return { bytes: argumentParser((bytes) => parseBytes(bytes, '--memory-per-instance'))(text) };
  }
  const fraction = Number(text);
  if (text.trim() !== '' && fraction > 0 && fraction <= 1) return { fraction };
  throw new InvalidArgumentError('It must be a share above 0 and up to 1, or bytes such as 2GiB.');
}

function parseThreads(text: string): number | 'auto' {
  return text === 'auto' ? 'auto' : parseCount(text);
}

export function parsePercentile(text: string): number {
  const percentile = Number(text);
  if (text.trim() === '' || !(percentile > 0 && percentile < 1)) {
    throw new InvalidArgumentError('It must lie between 0 and 1, such as 0.95.');
  }
  return percentile;
}

/** `--shape`, for every command that has it. */
export function shapeOption(): Option {
  return new Option(
    '--shape <input=dims>',
    'dimensions of an input that the model leaves open, such as input=1,128; may be repeated',
  )
    .argParser(collectShape)
    .default({}, 'none');
}

function collectShape(
  text: string,
  shapes: Record<string, readonly number[]>,
): Record<string, readonly number[]> {
  const split = text.lastIndexOf('=');
  const dims = text.slice(split + 1).split(',');
  if (split < 1 || !dims.every((dim) => /^\d+$/.test(dim) && Number(dim) >= 1)) {
    throw new InvalidArgumentError('It must be NAME=D1,D2,... with dimensions of at least 1.');
  }
  return { ...shapes, [text.slice(0, split)]: dims.map(Number) };
}
