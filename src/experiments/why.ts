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

/**
 * Why our decision for a job differs from the seed's: what was measured at the probes, where the
 * latencies behind it come from, and what would have to be different for the seed's choice.
 */
export function whyDifferent(
  curves: P40Curves,
  profile: Pick<ProfileReport, 'probes'>,
  chosen: Approach,
  law: PowerLaw,
): string {
  const probe = (isIt: (batchSize: number, instances: number) => boolean): number =>
    profile.probes.find(({ point }) => isIt(point.batchSize, point.instances))?.throughputPerS ??
    Number.NaN;
  const batchingPerS = probe((batchSize) => batchSize > 1);
  const tenancyPerS = probe((_, instances) => instances > 1);
  const found =
    `on the simulated P40 eight instances answer ${formatPerS(tenancyPerS)} and a batch of 32 ` +
    `${formatPerS(batchingPerS)}, so ${approachName(chosen)} is chosen`;
  // At eight instances the GPU answers one request per time slice; the two knobs tie at this one.
  const tieMs = 1000 / batchingPerS;
  const side = chosen === 'multi-tenancy' ? 'over' : 'under';
  const flip = `the seed's choice needs a GPU time slice ${side} ${formatMs(tieMs)}`;
  switch (curves.curveSource) {
    case 'measured':
      return `${found} on latencies measured for this very network and dataset; ${flip}, measured is ${formatMs(curves.timeSliceMs)}`;
    case 'other-dataset':
      return `${found}; the latencies by instances were measured on another dataset, and ${flip}, where it measured ${formatMs(curves.timeSliceMs)}`;
    case 'inferred':
      return (
        `${found}; its latencies by instances were never published and come from a rule on ` +
        `multiply-adds, which misses networks it was not fitted on by ${law.leaveOneOutErrorPercent.toFixed(0)}% ` +
        `on average: ${flip}, and the rule gives ${formatMs(curves.timeSliceMs)}`
      );
  }
}
