import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { Imperfections } from '../simulator/simulated-engine.ts';
import { parseDurationMs } from '../units.ts';
import { argumentParser, durationParser } from './options.ts';

/** Something that takes a new value at a time since the simulation began. */
interface Step {
  readonly value: number;
  readonly atMs: number;
}

/** Options that say how a simulated machine differs from its latencies. */
export interface ScenarioCliOptions {
  readonly noise: number;
  readonly drift?: readonly Step[];
  readonly sloStep?: Step;
  readonly start?: number;
  readonly firstCall: number;
  readonly crashChance: number;
  readonly restart?: number;
  readonly hangChance: number;
  readonly runLimit?: number;
}

export function addScenarioOptions(command: Command): Command {
  return command
    .option('--noise <sigma>', 'lognormal noise of each call; 0.05 is about 5%', parseSigma, 0)
    .option(
      '--drift <factor@time>',
      'slow every call down by a factor from a time on, such as 1.5@60s; may be repeated',
      collectDrift,
    )
    .option('--slo-step <slo@time>', 'change the SLO at a time, such as 30ms@60s', parseSloStep)
    .option('--start <duration>', 'time to start instances (default: 0)', durationParser('--start'))
    .option(
      '--first-call <factor>',
      "slow-down of an instance's first call after a change",
      parseFactor,
      1,
    )
    .option('--crash-chance <p>', 'chance that an instance dies under a call', parseChance, 0)
    .option(
      '--restart <duration>',
      'time until a dead instance is back (default: 1s)',
      durationParser('--restart'),
    )
    .option('--hang-chance <p>', 'chance that a call hangs', parseChance, 0)
    .option(
      '--run-limit <duration>',
      'time after which a hung call is given up (default: 30s)',
      durationParser('--run-limit'),
    );
}

export function imperfectionsFrom(options: ScenarioCliOptions): Imperfections<number> {
  const { drift, start, restart, runLimit } = options;
  return {
    noiseSigma: options.noise,
    firstCallFactor: options.firstCall,
    crashChance: options.crashChance,
    hangChance: options.hangChance,
    ...(start !== undefined && { startMs: start }),
    ...(restart !== undefined && { restartMs: restart }),
    ...(runLimit !== undefined && { runLimitMs: runLimit }),
    ...(drift !== undefined && { slowdownAt: (nowMs) => factorAt(drift, nowMs) }),
  };
}

/** The factor of the latest step that has come; 1 before the first. */
function factorAt(drift: readonly Step[], nowMs: number): number {
  let factor = 1;
  let latestMs = Number.NEGATIVE_INFINITY;
  for (const { value, atMs } of drift) {
    if (atMs <= nowMs && atMs >= latestMs) {
      factor = value;
      latestMs = atMs;
    }
  }
  return factor;
}

function collectDrift(text: string, drift: readonly Step[] = []): readonly Step[] {
  return [...drift, parseStep(text, '--drift', parseFactor)];
}

function parseSloStep(text: string): Step {
  return parseStep(text, '--slo-step', durationParser('--slo-step'));
}

function parseStep(text: string, option: string, parse: (text: string) => number): Step {
  const at = text.lastIndexOf('@');
  if (at < 1) throw new InvalidArgumentError('It must be VALUE@TIME, such as 1.5@60s.');
  const parseTime = argumentParser((time) => parseDurationMs(time, `the time of ${option}`));
  return { value: parse(text.slice(0, at)), atMs: parseTime(text.slice(at + 1)) };
}

export function parseSigma(text: string): number {
  const sigma = decimal(text);
  if (!(sigma >= 0 && sigma <= 2)) {
    throw new InvalidArgumentError('It must be a number from 0 to 2, such as 0.05.');
  }
  return sigma;
}

function parseFactor(text: string): number {
  const factor = decimal(text);
  if (!(factor >= 0.01 && factor <= 100)) {
    throw new InvalidArgumentError('It must be a factor from 0.01 to 100, such as 1.5.');
  }
  return factor;
}

function parseChance(text: string): number {
  const chance = decimal(text);
  if (!(chance >= 0 && chance < 1)) {
    throw new InvalidArgumentError('It must be at least 0 and under 1, such as 0.001.');
  }
  return chance;
}

function decimal(text: string): number {
  return /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
}
