import { renderTable } from '../../src/cli/text-table.ts';
import type { Return } from './changes.ts';
import type { Outcome } from './closed-loop.ts';
import { figuresOf } from './figures.ts';
import type { Served } from './traffic.ts';

/** One number that the joint scaler is to reach, and what was measured. */
export interface Target {
  readonly what: string;
  readonly wanted: string;
  readonly measured: string;
  readonly isMet: boolean;
}

const scaler = 'joint';
/** From this attainment on the oracle's fixed point can do it. */
const oracleCanDo = 0.99;

/** On the networks measured on an A100, under a closed loop. */
export function closedLoopTargets(outcomes: readonly Outcome[]): readonly Target[] {
  const own = figuresOf(scaler, outcomes);
  return [
    atLeast("median share of the oracle's throughput", 0.97, own.medianReached),
    atLeast('worst share, SLO >= 1.5x', 0.92, own.worstReached),
    atLeast('worst share, SLO 1.2x', 0.75, own.worstReachedTight),
    atLeast('worst share of the better knob', 0.98, own.worstAgainstKnobs),
    atMost('median decisions', 8, own.medianDecisions),
    atMost('most decisions', 14, own.mostDecisions),
    atLeast('windows within the SLO', 0.99, own.windowsWithin),
  ];
}

/** Under open loops, case by case: patterns of arrivals on each network. */
export function trafficTargets(served: readonly Served[]): readonly Target[] {
  const pairs = served
    .filter((one) => one.scaler === scaler)
    .map((joint) => ({ joint, oracle: served.find((one) => isOracleOf(joint, one)) as Served }));
  const feasible = pairs.filter(({ oracle }) => oracle.attainment >= oracleCanDo);
  return [
    ofCases(
      "attainment where the oracle's point has 99%",
      0.99,
      feasible.map(({ joint }) => joint.attainment),
    ),
    ofCases(
      "goodput over that of the oracle's point",
      0.97,
      pairs.map(({ joint, oracle }) => joint.goodputPerS / oracle.goodputPerS),
    ),
  ];
}

/** After a change of the machine's speed or of the SLO, and back. */
export function changeTargets(returns: readonly Return[]): readonly Target[] {
  const own = returns.filter((one) => one.scaler === scaler);
  return [
    ofCases(
      'share of the new best after a change',
      0.95,
      own.map(({ reached }) => reached),
    ),
    atMost('most decisions after a change', 8, Math.max(...own.map(({ decisions }) => decisions))),
  ];
}

/** Prints the targets, each with what was measured. */
export function reportTargets(targets: readonly Target[]): void {
  const columns = [
    { heading: `target for ${scaler}` },
    { heading: 'wanted', align: 'right' },
    { heading: 'measured', align: 'right' },
    { heading: '' },
  ] as const;
  const rows = targets.map(({ what, wanted, measured, isMet }) => [
    what,
    wanted,
    measured,
    isMet ? 'met' : 'not met',
  ]);
  process.stdout.write(`\nTargets\n\n${renderTable(columns, rows)}\n`);
}

function isOracleOf(joint: Served, other: Served): boolean {
  return (
    other.scaler === 'oracle' &&
    other.pattern === joint.pattern &&
    other.surface === joint.surface &&
    other.sloFactor === joint.sloFactor
  );
}

function atLeast(what: string, share: number, measured: number): Target {
  return {
    what,
    wanted: `>= ${percent(share)}`,
    measured: percent(measured),
    isMet: measured >= share,
  };
}

function atMost(what: string, count: number, measured: number): Target {
  return { what, wanted: `<= ${count}`, measured: String(measured), isMet: measured <= count };
}

/** A share that every single case has to reach: the least one, and how many do. */
function ofCases(what: string, share: number, cases: readonly number[]): Target {
  const met = cases.filter((value) => value >= share).length;
  const least = cases.length === 0 ? '' : `least ${percent(Math.min(...cases))}, `;
  return {
    what,
    wanted: `>= ${percent(share)}`,
    measured: `${least}${met} of ${cases.length} cases`,
    isMet: cases.length > 0 && met === cases.length,
  };
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))}%`;
}
