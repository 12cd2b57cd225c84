import { renderTable } from '../../src/cli/text-table.ts';
import { estimatorFor } from '../../src/estimation/index.ts';
import type { OperatingPoint } from '../../src/operating-point.ts';
import { formatPoint } from '../../src/operating-point.ts';
import { Random } from '../../src/random.ts';
import { createScaler } from '../../src/scaling/create-scaler.ts';
import { Surface } from '../../src/simulator/surface.ts';
import { makeSlo } from '../../src/slo.ts';
import type { LatencySummary } from '../../src/telemetry/latency-summary.ts';
import { summarizeLatencies } from '../../src/telemetry/latency-summary.ts';
import { median } from '../harness.ts';
import type { QuickWindow } from './quick-loop.ts';
import { movesOf, quickLoop } from './quick-loop.ts';

/**
 * What a machine shared with others adds to a call: noise of its own (sigma of the logarithm), a speed
 * that wanders (stationary deviation of the logarithm, and the time in which it forgets), and pauses
 * that hit some calls. One whose programs are still being compiled is slower at first, by this share.
 */
interface Restlessness {
  readonly name: string;
  readonly sigma: number;
  readonly wanderSd: number;
  readonly forgetsMs: number;
  readonly pauseShare: number;
  readonly pauseMs: number;
  readonly slowerAtFirst?: number;
  readonly neighbour?: Neighbour;
}

/**
 * One that works now and then, for so long and a share of the time: calls then take longer, and more of
 * them pause. What a point gives in the long run is counted without it: a scaler may step back for it,
 * and has to return.
 */
interface Neighbour {
  readonly share: number;
  readonly worksForMs: number;
  readonly slowdown: number;
  readonly pauseShare: number;
  readonly pauseMs: number;
}

const warmUpMs = 5000;
const machines: readonly Restlessness[] = [
  { name: 'quiet', sigma: 0.05, wanderSd: 0, forgetsMs: 3000, pauseShare: 0, pauseMs: 0 },
  { name: 'restless', sigma: 0.06, wanderSd: 0.06, forgetsMs: 3000, pauseShare: 0.03, pauseMs: 2 },
  {
    ...{ name: 'warming', sigma: 0.06, wanderSd: 0.05, forgetsMs: 3000, pauseShare: 0.03 },
    ...{ pauseMs: 2, slowerAtFirst: 0.35 },
  },
  {
    ...{ name: 'shared', sigma: 0.06, wanderSd: 0.05, forgetsMs: 3000, pauseShare: 0.03 },
    pauseMs: 2,
    neighbour: { share: 0.2, worksForMs: 3000, slowdown: 1.35, pauseShare: 0.15, pauseMs: 6 },
  },
  // As found on two cores of a machine shared with others, for calls of 2 ms.
  { name: 'busy', sigma: 0.2, wanderSd: 0.12, forgetsMs: 1700, pauseShare: 0.05, pauseMs: 2 },
  { name: 'wild', sigma: 0.08, wanderSd: 0.1, forgetsMs: 4000, pauseShare: 0.05, pauseMs: 3 },
];

type Law = (batchSize: number, instances: number) => number;

/** Laws like those of networks on two cores: one instance with both, or two with one each. */
const networks: Readonly<Record<string, Law>> = {
  'like Mult-VAE': (b, n) => (n === 1 ? 2.1 + 0.36 * b : 2.6 + 0.75 * b),
  'like MobileNet V1 1.0': (b, n) => (n === 1 ? 0.6 + 6.4 * b : 0.9 + 10.6 * b),
  'like MobileNet V1 0.25': (b, n) => (n === 1 ? 0.25 + 0.385 * b : 0.3 + 0.58 * b),
  'almost free rows': (b, n) => (n === 1 ? 4 + 0.05 * b : 6 + 0.1 * b),
};
const factors = [3, 10];
const seeds = 12;
const durationMs = 60_000;
const mostRows = 128;
const mostInstances = 2;
const scalers = ['dnnscaler', 'joint'];
/** Over the SLO by so little is a matter of a window's luck. */
const tolerance = 1.02;
const draws = 3000;

export interface RestlessRun {
  readonly machine: string;
  readonly scaler: string;
  readonly network: string;
  readonly sloFactor: number;
  readonly point: string;
  /** Throughput over that of the best point; 0 where the point breaks the SLO in the long run. */
  readonly reached: number;
  readonly moves: number;
}

/** Scalers in a closed loop on machines whose speed wanders: a table, and the figures. */
export function reportRestless(): readonly RestlessRun[] {
  const all = scalers.flatMap((scaler) =>
    machines.flatMap((machine) =>
      Object.keys(networks).flatMap((network) =>
        factors.flatMap((factor) =>
          Array.from({ length: seeds }, (_, i) => run(scaler, machine, network, factor, i + 1)),
        ),
      ),
    ),
  );
  const rows = machines.flatMap((machine) =>
    scalers.map((scaler) => {
      const own = all.filter((one) => one.scaler === scaler && one.machine === machine.name);
      const share = (suits: (one: RestlessRun) => boolean): string =>
        `${((100 * own.filter(suits).length) / own.length).toFixed(0)}%`;
      return [
        machine.name,
        scaler,
        `${(100 * median(own.map(({ reached }) => reached))).toFixed(1)}%`,
        share(({ reached }) => reached >= 0.95),
        share(({ reached }) => reached === 0),
        String(median(own.map(({ moves }) => moves))),
      ];
    }),
  );
  const columns = [
    { heading: 'machine' },
    { heading: 'scaler' },
    { heading: 'median', align: 'right' },
    { heading: '95% or more', align: 'right' },
    { heading: 'over the SLO', align: 'right' },
    { heading: 'moves', align: 'right' },
  ] as const;
  process.stdout.write(
    `\nMachines whose speed wanders (simulated): ${Object.keys(networks).length} networks on two cores, SLOs of ${factors.join(' and ')} times the latency at (1,1), ${seeds} seeds, ${durationMs / 1000} s\n\n${renderTable(columns, rows)}\n`,
  );
  return all;
}

function run(
  scaler: string,
  machine: Restlessness,
  network: string,
  sloFactor: number,
  seed: number,
): RestlessRun {
  const law = networks[network] as Law;
  const slo = makeSlo(sloFactor * law(1, 1));
  const longRun = longRunOf(machine, network);
  const perMs = ({ batchSize, instances }: OperatingPoint): number => {
    const { p95Ms, meanMs } = longRun(batchSize, instances);
    return p95Ms > tolerance * slo.limitMs ? 0 : (batchSize * instances) / meanMs;
  };
  let best = 0;
  for (let instances = 1; instances <= mostInstances; instances += 1) {
    for (let batchSize = 1; batchSize <= mostRows; batchSize += 1) {
      if (longRun(batchSize, instances).p95Ms > slo.limitMs) break;
      best = Math.max(best, perMs({ batchSize, instances }));
    }
  }
  const wander = new Wander(machine, new Random(1000 + seed));
  const pauses = new Random(2000 + seed);
  const limits = { minBatchSize: 1, maxBatchSize: mostRows, maxInstances: mostInstances };
  const windows = quickLoop({
    surface: surfaceOf(network, law),
    scaler: createScaler(scaler, { limits, estimate: estimatorFor() }),
    ...{ seed, durationMs },
    noiseSigma: machine.sigma,
    sloAt: () => slo,
    slowdownAt: (nowMs) =>
      wander.at(nowMs) *
      (wander.neighbourAt(nowMs)?.slowdown ?? 1) *
      (1 + (machine.slowerAtFirst ?? 0) * Math.exp(-nowMs / warmUpMs)),
    pauseMs: (nowMs) => pauseOf(wander.neighbourAt(nowMs) ?? machine, pauses),
  });
  const last = settledAt(windows);
  return {
    ...{ machine: machine.name, scaler, network, sloFactor },
    point: formatPoint(last),
    reached: Math.min(1, perMs(last) / best),
    moves: movesOf(windows),
  };
}

/** Where the second half was spent for the most part. */
function settledAt(windows: readonly QuickWindow[]): OperatingPoint {
  const spentMs = new Map<string, number>();
  const half = windows.filter(({ timeMs }) => timeMs > durationMs / 2);
  half.forEach(({ point, timeMs }, i) => {
    const key = formatPoint(point);
    const sinceMs = half[i - 1]?.timeMs ?? durationMs / 2;
    spentMs.set(key, (spentMs.get(key) ?? 0) + timeMs - sinceMs);
  });
  const [longest] = [...spentMs].sort(([, a], [, b]) => b - a)[0] as [string, number];
  return half.find(({ point }) => formatPoint(point) === longest)?.point as OperatingPoint;
}

/** A speed with a memory, an Ornstein-Uhlenbeck process on its logarithm, and a neighbour's visits. */
class Wander {
  readonly #machine: Restlessness;
  readonly #random: Random;
  #log = 0;
  #atMs = 0;
  #isDisturbed = false;
  #changesMs = 0;

  constructor(machine: Restlessness, random: Random) {
    this.#machine = machine;
    this.#random = random;
  }

  /** The neighbour, while it works; it comes and goes at random. */
  neighbourAt(nowMs: number): Neighbour | undefined {
    const { neighbour } = this.#machine;
    if (neighbour === undefined) return undefined;
    const awayForMs = (neighbour.worksForMs * (1 - neighbour.share)) / neighbour.share;
    while (nowMs >= this.#changesMs) {
      this.#isDisturbed = this.#changesMs > 0 && !this.#isDisturbed;
      this.#changesMs += this.#random.exponential(
        this.#isDisturbed ? neighbour.worksForMs : awayForMs,
      );
    }
    return this.#isDisturbed ? neighbour : undefined;
  }

  at(nowMs: number): number {
    const { wanderSd, forgetsMs } = this.#machine;
    const kept = Math.exp(-(nowMs - this.#atMs) / forgetsMs);
    this.#atMs = nowMs;
    this.#log = kept * this.#log + Math.sqrt(1 - kept ** 2) * wanderSd * this.#random.normal();
    return Math.exp(this.#log);
  }
}

function pauseOf(
  { pauseShare, pauseMs }: Pick<Restlessness, 'pauseShare' | 'pauseMs'>,
  random: Random,
): number {
  return random.next() < pauseShare ? random.exponential(pauseMs) : 0;
}

/** Calls at a point, in the long run. */
type LongRunAt = (batchSize: number, instances: number) => LatencySummary;

const longRuns = new Map<string, LongRunAt>();

function longRunOf(machine: Restlessness, network: string): LongRunAt {
  const key = `${machine.name} ${network}`;
  const known = longRuns.get(key) ?? drawnLongRun(machine, networks[network] as Law);
  longRuns.set(key, known);
  return known;
}

/** By drawing calls, each point once. */
function drawnLongRun(machine: Restlessness, law: Law): LongRunAt {
  const points = new Map<string, LatencySummary>();
  const random = new Random(99);
  const calls = Array.from({ length: draws }, () => ({
    slowdown: Math.exp(machine.sigma * random.normal() + machine.wanderSd * random.normal()),
    pauseMs: pauseOf(machine, random),
  }));
  return (batchSize, instances) => {
    const key = `${batchSize},${instances}`;
    const known = points.get(key);
    if (known !== undefined) return known;
    const callMs = law(batchSize, instances);
    const latenciesMs = Float64Array.from(
      calls,
      ({ slowdown, pauseMs }) => callMs * slowdown + pauseMs,
    );
    const drawn = summarizeLatencies([latenciesMs], 0.95);
    points.set(key, drawn);
    return drawn;
  };
}

function surfaceOf(network: string, law: Law): Surface {
  const points = [1, 2].flatMap((instances) =>
    Array.from({ length: mostRows }, (_, i) => {
      return { batchSize: i + 1, instances, latencyMs: law(i + 1, instances) };
    }),
  );
  return new Surface(network, points);
}
