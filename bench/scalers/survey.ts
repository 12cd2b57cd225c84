import { renderTable } from '../../src/cli/text-table.ts';
import { estimatorFor } from '../../src/estimation/index.ts';
import type { OperatingPoint } from '../../src/operating-point.ts';
import { createScaler } from '../../src/scaling/create-scaler.ts';
import { findOracle } from '../../src/simulator/oracle.ts';
import type { Surface } from '../../src/simulator/surface.ts';
import { makeSlo } from '../../src/slo.ts';
import { median } from '../harness.ts';
import { deviationsAt95, noiseSigma } from './closed-loop.ts';
import { movesOf, quickLoop } from './quick-loop.ts';
import { kinds, randomNetwork } from './random-networks.ts';

const factors = [1.2, 1.5, 3, 8, 20];

/** What joint reached on one network drawn at random. */
interface Surveyed {
  readonly kind: string;
  readonly surface: string;
  readonly sloFactor: number;
  /** Throughput by the surface over the oracle's; 0 where the point breaks the SLO. */
  readonly reached: number;
  readonly decisions: number;
}

/** Joint on networks drawn at random, so many of each kind: a table, and the figures. */
export function reportSurvey(networks: number): readonly Surveyed[] {
  const all: Surveyed[] = [];
  for (const kind of kinds) {
    for (let seed = 1; seed <= networks; seed += 1) {
      const surface = randomNetwork(kind, seed);
      for (const sloFactor of factors) {
        const found = surveyed(surface, sloFactor, seed);
        if (found !== undefined) all.push({ kind, surface: surface.network, sloFactor, ...found });
      }
    }
  }
  const rows = kinds.map((kind) => {
    const own = all.filter((one) => one.kind === kind);
    const reached = own.map((one) => one.reached);
    const decisions = own.map((one) => one.decisions);
    return [
      kind,
      String(own.length),
      `${(100 * median(reached)).toFixed(1)}%`,
      `${(100 * Math.min(...reached)).toFixed(1)}%`,
      String(median(decisions)),
      String(Math.max(...decisions)),
    ];
  });
  const columns = [
    { heading: 'drawn at random' },
    { heading: 'cases', align: 'right' },
    { heading: 'median', align: 'right' },
    { heading: 'worst', align: 'right' },
    { heading: 'decisions', align: 'right' },
    { heading: 'most', align: 'right' },
  ] as const;
  process.stdout.write(
    `\nJoint on networks drawn at random, SLOs of ${factors.join(', ')} times the latency at (1,1)\n\n${renderTable(columns, rows)}\n`,
  );
  return all;
}

function surveyed(
  surface: Surface,
  sloFactor: number,
  seed: number,
): Pick<Surveyed, 'reached' | 'decisions'> | undefined {
  const slo = makeSlo(sloFactor * surface.latencyMs(1, 1));
  const oracle = findOracle(surface, slo, { noiseSigma });
  if (oracle === null) return undefined;
  const { limits } = surface;
  const windows = quickLoop({
    surface,
    scaler: createScaler('joint', { limits, estimate: estimatorFor() }),
    seed,
    noiseSigma,
    durationMs: Math.max(40_000, 1200 * slo.limitMs),
    sloAt: () => slo,
  });
  const last = windows.at(-1)?.point as OperatingPoint;
  const latencyMs = surface.latencyMs(last.batchSize, last.instances);
  const holds = latencyMs * Math.exp(noiseSigma * deviationsAt95) <= slo.limitMs;
  const perMs = ({ batchSize, instances }: OperatingPoint): number =>
    (batchSize * instances) / surface.latencyMs(batchSize, instances);
  return {
    reached: holds ? perMs(last) / perMs(oracle) : 0,
    decisions: movesOf(windows),
  };
}
