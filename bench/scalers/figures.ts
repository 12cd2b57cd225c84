import { median } from '../harness.ts';
import type { Outcome } from './closed-loop.ts';

/** The paper's two knobs. */
const knobs = ['batching', 'multi-tenancy'];
/** SLOs of fewer times the latency at (1,1) are tight: noise alone nearly fills them. */
const tightBelow = 1.5;

/** What one scaler did in many cases; shares of the oracle's throughput, 0..1 and slightly above. */
export interface Figures {
  readonly medianReached: number;
  /** Infinite where no SLO was so loose, or so tight. */
  readonly worstReached: number;
  readonly worstReachedTight: number;
  /** The least throughput over what the better of the paper's knobs reached in the same case. */
  readonly worstAgainstKnobs: number;
  readonly medianDecisions: number;
  readonly mostDecisions: number;
  /** Share of the windows in steady state whose latency was within the SLO. */
  readonly windowsWithin: number;
  readonly medianWorstProbe: number;
}

/** The figures of one scaler, among the outcomes of all of them. */
export function figuresOf(scaler: string, outcomes: readonly Outcome[]): Figures {
  const own = outcomes.filter((outcome) => outcome.scaler === scaler);
  const reached = (fits: (outcome: Outcome) => boolean): number[] =>
    own.filter(fits).map((outcome) => outcome.reached);
  const decisions = own.map((outcome) => outcome.decisions);
  const againstKnobs = own.map((outcome) => outcome.reached / betterKnob(outcome, outcomes));
  return {
    medianReached: median(reached(() => true)),
    worstReached: Math.min(...reached(({ sloFactor }) => sloFactor >= tightBelow)),
    worstReachedTight: Math.min(...reached(({ sloFactor }) => sloFactor < tightBelow)),
    worstAgainstKnobs: Math.min(...againstKnobs.filter((ratio) => !Number.isNaN(ratio))),
    medianDecisions: median(decisions),
    mostDecisions: Math.max(...decisions),
    windowsWithin:
      sum(own.map((outcome) => outcome.windowsWithin)) / sum(own.map((outcome) => outcome.windows)),
    medianWorstProbe: median(own.map((outcome) => outcome.worstProbe)),
  };
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

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}
