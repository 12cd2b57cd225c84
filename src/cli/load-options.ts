import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { DnnScalerError, invalidArgument } from '../errors.ts';
import { readTrace } from '../experiments/load/trace-file.ts';
import type { LoadPattern } from '../experiments/load/load-run.ts';
import { Random } from '../random.ts';
import { formatPerS } from '../units.ts';
import { poissonArrivals, traceArrivals, uniformArrivals } from '../workload/arrivals.ts';
import type { ObjectiveCliOptions, OutputCliOptions } from './options.ts';
import {
  addObjectiveOptions,
  addOutputOptions,
  durationParser,
  parseCount,
  parseSeed,
} from './options.ts';

export type LoadCliOptions = ObjectiveCliOptions &
  OutputCliOptions & {
    readonly model: string;
    readonly modelVersion?: string;
    readonly rate?: number;
    readonly arrivals?: string;
    readonly concurrency?: number;
    readonly warmup?: number;
    readonly timeout?: number;
    readonly connections: number;
    readonly batchSize?: number;
    readonly shape: Readonly<Record<string, readonly number[]>>;
    readonly input: string;
    readonly jsonTensors?: boolean;
    readonly header: Readonly<Record<string, string>>;
    readonly seed: number;
    readonly report?: string;
  };

export function addLoadOptions(command: Command): Command {
  command
    .requiredOption('--model <name>', 'the model, by its name on the server')
    .option('--model-version <n>', "its version (default: the server's choice)", parseVersion)
    .option('--rate <n>', 'open loop: requests per second, whatever is answered', parseRate)
    .option(
      '--arrivals <kind>',
      'open loop: poisson, uniform, or trace:FILE with recorded times (default: poisson)',
    )
    .option('--concurrency <n>', 'closed loop: requests under way at a time', parseCount);
  addObjectiveOptions(command, '60s');
  command
    .option(
      '--warmup <duration>',
      'load before that, which does not count',
      durationParser('--warmup'),
    )
    .option(
      '--timeout <duration>',
      'patience of each request (default: 10s, or 10 times the SLO)',
      durationParser('--timeout'),
    )
    .option('--connections <n>', 'open loop: connections at most', parseCount, 512)
    .option('--batch-size <n>', 'rows in each request (default: 1)', parseCount)
    .addOption(
      new Option(
        '--shape <input=dims>',
        'shape of an input that the model leaves open, such as input=1,128; may be repeated',
      )
        .argParser(collectShape)
        .default({}, 'none'),
    )
    .option('--input <source>', 'synthetic, or a folder of JPEG and PNG images', 'synthetic')
    .option('--json-tensors', 'send and ask for tensors as JSON instead of binary')
    .addOption(
      new Option(
        '--header <name:value>',
        'sent with every request, such as Host:NAME for a gateway; may be repeated',
      )
        .argParser(collectHeader)
        .default({}, 'none'),
    )
    .option('--seed <n>', 'seed of arrivals and of synthetic input', parseSeed, 1);
  addOutputOptions(command);
  return command.addOption(new Option('--report <file>', 'write an HTML report to a file'));
}

/** The load's pattern, how to name it, and how long it lasts where the pattern itself says so. */
export interface ChosenPattern {
  readonly pattern: LoadPattern;
  /** `200/s, poisson`. */
  readonly description: string;
  /** Of a trace: its length in ms. */
  readonly lengthMs?: number;
}

/** @throws DnnScalerError `invalid-argument` for options that do not go together, and for a bad trace */
export async function choosePattern(options: LoadCliOptions): Promise<ChosenPattern> {
  const { rate, arrivals, concurrency, seed } = options;
  if (concurrency !== undefined) {
    if (rate !== undefined || arrivals !== undefined) {
      throw bothLoops(rate === undefined ? '--arrivals' : '--rate');
    }
    return {
      pattern: { kind: 'closed', concurrency },
      description: `closed loop, ${concurrency} under way`,
    };
  }
  if (arrivals?.startsWith('trace:') === true) {
    if (rate !== undefined) throw invalidArgument('--rate', 'is not for a trace', rate);
    const file = arrivals.slice('trace:'.length);
    const timesMs = await readTrace(file);
    return {
      pattern: { kind: 'open', arrivals: traceArrivals(timesMs) },
      description: `arrivals of ${file}`,
      lengthMs: timesMs.at(-1) ?? 0,
    };
  }
  if (rate === undefined) {
    throw new DnnScalerError(
      'invalid-argument',
      'the load must be given by --rate (open loop), --arrivals trace:FILE or --concurrency (closed loop)',
    );
  }
  const description = `${formatPerS(rate)}, ${arrivals ?? 'poisson'}`;
  if (arrivals === 'uniform') {
    return { pattern: { kind: 'open', arrivals: uniformArrivals(rate) }, description };
  }
  if (arrivals !== undefined && arrivals !== 'poisson') {
    throw invalidArgument('--arrivals', 'must be poisson, uniform or trace:FILE', arrivals);
  }
  const random = new Random(seed).fork();
  return { pattern: { kind: 'open', arrivals: poissonArrivals(rate, random) }, description };
}

function bothLoops(other: string): DnnScalerError {
  return new DnnScalerError(
    'invalid-argument',
    `--concurrency (closed loop) and ${other} (open loop) cannot go together`,
  );
}

function parseRate(text: string): number {
  const rate = Number(text);
  if (text.trim() === '' || !(rate > 0) || !Number.isFinite(rate)) {
    throw new InvalidArgumentError('It must be a number of requests per second over 0.');
  }
  return rate;
}

function parseVersion(text: string): string {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError('It must be a number.');
  return text;
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

function collectHeader(text: string, headers: Record<string, string>): Record<string, string> {
  const match = /^([\w!#$%&'*+.^`|~-]+):\s*([\t\x20-\x7e\x80-\xff]*)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('It must be NAME:VALUE.');
  return { ...headers, [(match[1] as string).toLowerCase()]: match[2] as string };
}
