/**
 * `npm run bench:scalers`: every scaler against the oracle, in virtual time, under a closed loop
 * with 5% noise on each call; then joint on networks drawn at random, on machines whose speed wanders,
 * after changes and under open loops; in the end the targets with what was measured, and what the
 * search cost. `--help` says more.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { renderTable } from '../src/cli/text-table.ts';
import type { Surface } from '../src/simulator/surface.ts';
import { formatShare } from '../src/units.ts';
import type { Outcome } from './scalers/closed-loop.ts';
import { noiseSigma, runCase } from './scalers/closed-loop.ts';
import { reportChanges } from './scalers/changes.ts';
import { figuresOf } from './scalers/figures.ts';
import { reportRestless } from './scalers/restless.ts';
import { reportSearchCost } from './scalers/search-cost.ts';
import { reportSurvey } from './scalers/survey.ts';
import { reportTraffic } from './scalers/traffic.ts';
import {
  changeTargets,
  closedLoopTargets,
  reportTargets,
  trafficTargets,
} from './scalers/targets.ts';
import { a100Surfaces, h100Surfaces, madeUpSurface, shapes } from './scalers/surfaces.ts';

const scalers = ['fixed:1,1', 'clipper', 'batching', 'multi-tenancy', 'dnnscaler', 'joint'];
const a100Factors = [1.2, 1.5, 2, 3, 5, 8, 12, 20];
const h100Factors = [1.5, 2, 3, 5, 8, 12];
const shapeFactors = [1.5, 4, 12];
const parts = ['a100', 'h100', 'shapes', 'survey', 'restless', 'changes', 'traffic'];

const help = `Usage: npm run bench:scalers -- [options]

Compares ${scalers.join(', ')} with the oracle, the best operating point
of a table of latencies, in virtual time; nothing is served and no GPU is needed.

  --parts LIST   which parts to run, all by default: ${parts.join(',')}
  --seeds N      runs of each case of the tables, each with noise of its own (1)
  --shapes N     made-up networks of each shape (1)
  --survey N     networks drawn at random of each kind (10)
  --json FILE    write every single run to a file
  -h, --help     this text

Under the tables: the targets for joint with what was measured, and what its search cost.

Examples:
  $ npm run bench:scalers
  $ npm run bench:scalers -- --parts a100 --seeds 3
  $ npm run bench:scalers -- --parts changes,traffic --json figures.json
`;

const columns = [
  { heading: 'scaler' },
  { heading: 'median', align: 'right' },
  { heading: 'worst, SLO >= 1.5x', align: 'right' },
  { heading: 'worst, 1.2x', align: 'right' },
  { heading: 'worst against better knob', align: 'right' },
  { heading: 'decisions', align: 'right' },
  { heading: 'most', align: 'right' },
  { heading: 'windows within', align: 'right' },
  { heading: 'worst probe', align: 'right' },
] as const;

async function report(
  title: string,
  surfaces: readonly Surface[],
  factors: readonly number[],
  seeds: readonly number[],
): Promise<readonly Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const scaler of scalers) {
    for (const surface of surfaces) {
      for (const sloFactor of factors) {
        for (const seed of seeds) {
          const outcome = await runCase(scaler, { surface, sloFactor, seed });
          if (outcome !== undefined) outcomes.push(outcome);
        }
      }
    }
  }
  process.stdout.write(
    `\n${title}: ${surfaces.length} networks, SLOs of ${factors.join(', ')} times the latency at (1,1), ` +
      `${100 * noiseSigma}% noise, ${seeds.length} seed${seeds.length === 1 ? '' : 's'}\n` +
      'Throughput at steady state as a share of the best point that holds the SLO; decisions until then.\n\n' +
      `${renderTable(
        columns,
        scalers.map((scaler) => row(scaler, outcomes)),
      )}\n`,
  );
  return outcomes;
}

function row(scaler: string, outcomes: readonly Outcome[]): readonly string[] {
  const own = figuresOf(scaler, outcomes);
  return [
    scaler,
    share(own.medianReached),
    share(own.worstReached),
    Number.isFinite(own.worstReachedTight) ? share(own.worstReachedTight) : '',
    share(own.worstAgainstKnobs),
    String(own.medianDecisions),
    String(own.mostDecisions),
    formatShare(own.windowsWithin),
    `${own.medianWorstProbe.toFixed(2)}x`,
  ];
}

function share(value: number): string {
  return `${(100 * value).toFixed(1)}%`;
}

/** 1 to so many; exits where the text is no whole number from 1. */
function count(option: string, text: string): readonly number[] {
  if (!/^[1-9]\d*$/.test(text)) {
    fail(`--${option} must be a whole number from 1, not "${text}"`);
  }
  return Array.from({ length: Number(text) }, (_, i) => i + 1);
}

function fail(why: string): never {
  process.stderr.write(`bench:scalers: ${why}; see --help\n`);
  process.exit(2);
}

function partsFrom(text: string): ReadonlySet<string> {
  const chosen = text.split(',');
  for (const part of chosen) {
    if (!parts.includes(part)) fail(`--parts must be among ${parts.join(', ')}, not "${part}"`);
  }
  return new Set(chosen);
}

function options(): ReturnType<typeof parse> {
  try {
    return parse();
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error));
  }
}

function parse() {
  return parseArgs({
    options: {
      parts: { type: 'string', default: parts.join(',') },
      seeds: { type: 'string', default: '1' },
      shapes: { type: 'string', default: '1' },
      survey: { type: 'string', default: '10' },
      json: { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  }).values;
}

async function main(): Promise<void> {
  const values = options();
  if (values.help) {
    process.stdout.write(help);
    return;
  }
  const chosen = partsFrom(values.parts);
  const seeds = count('seeds', values.seeds);
  const shapeSeeds = count('shapes', values.shapes);
  const networks = count('survey', values.survey).length;
  const madeUp = shapes.flatMap((shape) => shapeSeeds.map((seed) => madeUpSurface(shape, seed)));
  const a100 = chosen.has('a100')
    ? await report('Networks measured on an A100', a100Surfaces(), a100Factors, seeds)
    : [];
  const h100 = chosen.has('h100')
    ? await report('Networks measured on an H100', h100Surfaces(), h100Factors, seeds)
    : [];
  const others = chosen.has('shapes')
    ? await report('Made-up networks of other shapes', madeUp, shapeFactors, seeds)
    : [];
  const survey = chosen.has('survey') ? reportSurvey(networks) : [];
  const restless = chosen.has('restless') ? reportRestless() : [];
  const changes = chosen.has('changes') ? await reportChanges() : [];
  const traffic = chosen.has('traffic') ? reportTraffic() : [];
  const targets = [
    ...(a100.length > 0 ? closedLoopTargets(a100) : []),
    ...(changes.length > 0 ? changeTargets(changes) : []),
    ...(traffic.length > 0 ? trafficTargets(traffic) : []),
  ];
  if (targets.length > 0) reportTargets(targets);
  if (a100.length > 0) reportSearchCost(a100);
  if (values.json !== undefined) {
    const figures = {
      noiseSigma,
      runs: [...a100, ...h100, ...others],
      survey,
      restless,
      changes,
      traffic,
      targets,
    };
    writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
  }
}

await main();
