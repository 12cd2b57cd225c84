import type { Approach, ProfileReport } from '../scaling/scaler.ts';
import type { P40Curves } from '../simulator/p40.ts';
import type { PowerLaw } from '../simulator/power-law.ts';
import { formatMs, formatPerS } from '../units.ts';

const names: Readonly<Record<Approach, string>> = {
  batching: 'Batching',
  'multi-tenancy': 'Multi-Tenancy',
  joint: 'both knobs',
};

/** What an approach is called in reports. */
export function approachName(approach: Approach | null): string {
  return approach === null ? '-' : names[approach];
}

/** The figures behind a decision that differs from the seed's. */
export interface DecisionMargin {
  /** Throughput of the profiler's probes. */
  readonly batchingPerS: number;
  readonly multiTenancyPerS: number;
  /** GPU time of one call at batch size 1 on the simulated machine. */
  readonly timeSliceMs: number;
  /** The time slice at which both probes would answer alike; beyond it the seed's choice wins. */
  readonly tieTimeSliceMs: number;
}

export function marginOf(
  curves: P40Curves,
  { probes }: Pick<ProfileReport, 'probes'>,
): DecisionMargin {
  const batching = probes.find(({ point }) => point.batchSize > 1);
  const tenancy = probes.find(({ point }) => point.instances > 1);
  const batchingPerS = batching?.throughputPerS ?? Number.NaN;
  return {
    batchingPerS,
    multiTenancyPerS: tenancy?.throughputPerS ?? Number.NaN,
    timeSliceMs: curves.timeSliceMs,
    // Instances that keep the GPU busy answer one request per time slice.
    tieTimeSliceMs: 1000 / batchingPerS,
  };
}

/**
 * Why our decision for a job differs from the seed's: what was measured at the probes, where the
 * latencies behind it come from, and what would have to be different for the seed's choice.
 */
export function whyDifferent(
  curves: P40Curves,
  margin: DecisionMargin,
  chosen: Approach,
  law: PowerLaw,
): string {
  const found =
    `on the simulated P40 eight instances answer ${formatPerS(margin.multiTenancyPerS)} and a batch ` +
    `of 32 ${formatPerS(margin.batchingPerS)}, so ${approachName(chosen)} is chosen`;
  const side = chosen === 'multi-tenancy' ? 'over' : 'under';
  const needs = `the seed's choice needs a GPU time slice ${side} ${formatMs(margin.tieTimeSliceMs)}`;
  const slice = formatMs(margin.timeSliceMs);
  switch (curves.curveSource) {
    case 'measured':
      return `${found} on latencies measured for this very network and dataset; ${needs}, and ${slice} was measured`;
    case 'other-dataset':
      return `${found}; ${needs}, and ${slice} was measured on another dataset, for want of this one`;
    case 'inferred':
      return (
        `${found}; ${needs}, and ${slice} is inferred by a rule on multiply-adds, which misses ` +
        `networks it was not fitted to by ${law.leaveOneOutErrorPercent.toFixed(0)}% on average`
      );
  }
}
