/**
 * `npm run bench:scalers`: every scaler against the oracle, in virtual time, under a closed loop
 * with 5% noise on each call. One table for the networks measured on an A100 and one for networks
 * of made-up shapes; `--seeds N` (default 1), `--shapes N` surfaces of each shape (default 1),
 * `--survey N` networks
 * drawn at random of each kind (default 10), `--json FILE` keeps every single run.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { renderTable } from '../src/cli/text-table.ts';
import type { Surface } from '../src/simulator/surface.ts';
import { formatShare } from '../src/units.ts';
import type { Outcome } from './scalers/closed-loop.ts';
import { noiseSigma, runCase } from './scalers/closed-loop.ts';
import { reportChanges } from './scalers/changes.ts';
import { reportSurvey } from './scalers/survey.ts';
import { reportTraffic } from './scalers/traffic.ts';
import { a100Surfaces, madeUpSurface, shapes } from './scalers/surfaces.ts';
import { median } from './harness.ts';

const scalers = ['fixed:1,1', 'clipper', 'batching', 'multi-tenancy', 'dnnscaler', 'joint'];
/** The paper's two knobs. */
const knobs = ['batching', 'multi-tenancy'];
const a100Factors = [1.2, 1.5, 2, 3, 5, 8, 12, 20];
const shapeFactors = [1.5, 4, 12];

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
  const own = outcomes.filter((outcome) => outcome.scaler === scaler);
  const reached = (fits: (outcome: Outcome) => boolean): number[] =>
    own.filter(fits).map((outcome) => outcome.reached);
  const tight = reached(({ sloFactor }) => sloFactor < 1.5);
  const decisions = own.map((outcome) => outcome.decisions);
  const windows = sum(own.map((outcome) => outcome.windows));
  const within = sum(own.map((outcome) => outcome.windowsWithin));
  const againstKnobs = own.map((outcome) => outcome.reached / betterKnob(outcome, outcomes));
  return [
    scaler,
    share(median(reached(() => true))),
    share(Math.min(...reached(({ sloFactor }) => sloFactor >= 1.5))),
    tight.length === 0 ? '' : share(Math.min(...tight)),
    share(Math.min(...againstKnobs.filter((ratio) => !Number.isNaN(ratio)))),
    String(median(decisions)),
    String(Math.max(...decisions)),
    formatShare(within / windows),
    `${median(own.map((outcome) => outcome.worstProbe)).toFixed(2)}x`,
  ];
}

/** What the better of the paper's two knobs reached in the same case. */
function betterKnob(to: Outcome, outcomes: readonly Outcome[]): number {
  const same = outcomes.filter(
    ({ scaler, surface, sloFactor, seed }) =>
      knobs.includes(scaler) &&
      surface === to.surface &&
      sloFactor === to.sloFactor &&
      seed === to.seed,
  );
  return Math.max(...same.map((outcome) => outcome.reached));
}

function share(value: number): string {
  return `${(100 * value).toFixed(1)}%`;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '1' },
      shapes: { type: 'string', default: '1' },
      survey: { type: 'string', default: '10' },
      json: { type: 'string' },
    },
  });
  const count = (text: string): number[] => Array.from({ length: Number(text) }, (_, i) => i + 1);
  const seeds = count(values.seeds);
  const madeUp = shapes.flatMap((shape) =>
    count(values.shapes).map((seed) => madeUpSurface(shape, seed)),
  );
  const runs = [
    ...(await report('Networks measured on an A100', a100Surfaces(), a100Factors, seeds)),
    ...(await report('Made-up networks of other shapes', madeUp, shapeFactors, seeds)),
  ];
  const figures = {
    noiseSigma,
    runs,
    survey: reportSurvey(Number(values.survey)),
    changes: await reportChanges(),
    traffic: reportTraffic(),
  };
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify(figures, null, 2)}\n`);
}

await main();
