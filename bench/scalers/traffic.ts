import { renderTable } from '../../src/cli/text-table.ts';
import { estimatorFor } from '../../src/estimation/index.ts';
import { Random } from '../../src/random.ts';
import { createScaler } from '../../src/scaling/create-scaler.ts';
import { findOracle } from '../../src/simulator/oracle.ts';
import { surfaceEngine } from '../../src/simulator/surface-engine.ts';
import type { Surface } from '../../src/simulator/surface.ts';
import { simulateTraffic } from '../../src/simulator/traffic.ts';
import { VirtualClock } from '../../src/simulator/virtual-clock.ts';
import { makeSlo } from '../../src/slo.ts';
import type { Arrivals } from '../../src/workload/arrivals.ts';
import { median } from '../harness.ts';
import { noiseSigma } from './closed-loop.ts';
import { a100Surfaces } from './surfaces.ts';

const durationMs = 120_000;
/** Figures count from here on: the search is over, and what queued up meanwhile was answered. */
const fromMs = 40_000;
const sloFactors = [3];

/** The rate of arrivals over the oracle's throughput, by virtual time in ms. */
const patterns: readonly { readonly name: string; readonly load: (nowMs: number) => number }[] = [
  { name: 'Poisson 30%', load: () => 0.3 },
  { name: 'Poisson 60%', load: () => 0.6 },
  { name: 'Poisson 90%', load: () => 0.9 },
  {
    name: 'diurnal 10-80%',
    load: (nowMs) => 0.45 - 0.35 * Math.cos((2 * Math.PI * nowMs) / 60_000),
  },
  { name: 'bursts of 5x', load: (nowMs) => (nowMs % 20_000 > 15_000 ? 0.8 : 0.16) },
];

export interface Served {
  readonly pattern: string;
  readonly scaler: string;
  readonly surface: string;
  readonly sloFactor: number;
  /** Share of the requests answered within the SLO. */
  readonly attainment: number;
  /** Requests a second answered within the SLO. */
  readonly goodputPerS: number;
}

/** SLO attainment and goodput of requests that arrive by themselves: a table, and the figures. */
export function reportTraffic(): readonly Served[] {
  const all: Served[] = [];
  const rows: string[][] = [];
  for (const { name, load } of patterns) {
    const pairs: { joint: Served; oracle: Served; dnnscaler: Served }[] = [];
    for (const surface of a100Surfaces()) {
      for (const sloFactor of sloFactors) {
        const serve = (scaler: string): Served => ({
          pattern: name,
          scaler,
          surface: surface.network,
          sloFactor,
          ...served(scaler, surface, sloFactor, load),
        });
        pairs.push({
          oracle: serve('oracle'),
          dnnscaler: serve('dnnscaler'),
          joint: serve('joint'),
        });
      }
    }
    all.push(...pairs.flatMap((pair) => [pair.oracle, pair.dnnscaler, pair.joint]));
    for (const scaler of ['oracle', 'dnnscaler', 'joint'] as const) {
      const attained = pairs.map((pair) => pair[scaler].attainment);
      const goodput = pairs.map((pair) => pair[scaler].goodputPerS / pair.oracle.goodputPerS);
      rows.push([
        name,
        scaler === 'oracle' ? "the oracle's point" : scaler,
        ...[median(attained), Math.min(...attained), median(goodput), Math.min(...goodput)].map(
          (value) => `${(100 * value).toFixed(1)}%`,
        ),
      ]);
    }
  }
  const columns = [
    { heading: 'arrivals' },
    { heading: 'scaler' },
    { heading: 'attainment', align: 'right' },
    { heading: 'least', align: 'right' },
    { heading: "goodput over the oracle's", align: 'right' },
    { heading: 'least', align: 'right' },
  ] as const;
  process.stdout.write(
    `\nOpen loop: the A100 networks, SLO ${sloFactors.join(' and ')} times the latency at (1,1), from 40 s on\n\n${renderTable(columns, rows)}\n`,
  );
  return all;
}

export function served(
  scaler: string,
  surface: Surface,
  sloFactor: number,
  load: (nowMs: number) => number,
): Pick<Served, 'attainment' | 'goodputPerS'> {
  const slo = makeSlo(sloFactor * surface.latencyMs(1, 1));
  const oracle = findOracle(surface, slo, { noiseSigma });
  if (oracle === null) return { attainment: Number.NaN, goodputPerS: Number.NaN };
  const name = scaler === 'oracle' ? `fixed:${oracle.batchSize},${oracle.instances}` : scaler;
  const clock = new VirtualClock();
  const engine = surfaceEngine(surface, { clock, noiseSigma });
  let answered = 0;
  let within = 0;
  simulateTraffic({
    clock,
    engine,
    scaler: createScaler(name, { limits: engine.limits, estimate: estimatorFor() }),
    slo,
    durationMs,
    arrivals: thinned(oracle.throughputPerS, load, clock),
    onAnswer: (nowMs, latencyMs) => {
      if (nowMs < fromMs || nowMs > durationMs) return;
      answered += 1;
      if (latencyMs <= slo.limitMs) within += 1;
    },
  });
  return {
    attainment: within / answered,
    goodputPerS: (1000 * within) / (durationMs - fromMs),
  };
}

/** A Poisson process whose rate changes with time, by thinning one of the highest rate. */
function thinned(perS: number, load: (nowMs: number) => number, clock: VirtualClock): Arrivals {
  const random = new Random(1);
  let atMs = clock.nowMs();
  return {
    nextGapMs() {
      const beforeMs = atMs;
      do {
        atMs += random.exponential(1000 / perS);
      } while (random.next() > load(atMs));
      return atMs - beforeMs;
    },
  };
}
