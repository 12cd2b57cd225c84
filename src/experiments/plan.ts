import { invalidArgument } from '../errors.ts';
import type { OperatingPoint } from '../operating-point.ts';
import { paperLimits } from '../operating-point.ts';
import { Random } from '../random.ts';
import { FixedScaler } from '../scaling/fixed.ts';
import { surfaceEngine } from '../simulator/surface-engine.ts';
import type { Surface } from '../simulator/surface.ts';
import { simulateTraffic } from '../simulator/traffic.ts';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import type { Slo } from '../slo.ts';
import { quantileOfSorted } from '../telemetry/quantile.ts';
import { SampleBuffer } from '../telemetry/sample-buffer.ts';
import { poissonArrivals } from '../workload/arrivals.ts';

export interface PlanOptions {
  readonly surface: Surface;
  /** Requests per second to serve, over 0. */
  readonly ratePerS: number;
  /** Of requests, from arrival to reply. */
  readonly slo: Slo;
  /** Sigma of the lognormal noise of each engine call; 0 by default. */
  readonly noiseSigma?: number;
  /** Share by which the rate may grow before the SLO breaks, at least; 0 by default. */
  readonly minHeadroom?: number;
  /** Any integer; 1 by default. */
  readonly seed?: number;
}

/** What requests experienced at one operating point of one machine under Poisson arrivals. */
export interface TrafficCheck {
  readonly ratePerS: number;
  readonly requests: number;
  /** Share of the requests answered within the SLO's limit. */
  readonly attainment: number;
  readonly latencyMs: { readonly p50: number; readonly p95: number; readonly p99: number };
  /** Rows per engine call. */
  readonly meanBatch: number;
  /** Share of instance time spent in calls. */
  readonly utilisation: number;
}

export interface Plan {
  readonly ratePerS: number;
  readonly slo: Slo;
  /** Of each machine. */
  readonly operatingPoint: OperatingPoint;
  readonly machines: number;
  /** The highest rate at which one machine holds the SLO there, as far as the search resolves it. */
  readonly sustainablePerMachineS: number;
  /** How far the whole rate may grow before the SLO breaks, in percent. */
  readonly headroomPercent: number;
  /** One machine at its share of the rate, with chance of its own. */
  readonly check: TrafficCheck;
}

/** Requests of one trial in the search, and of the final check. */
const trialRequests = 10_000;
const checkRequests = 50_000;

/** Share of a trial during which queues settle and nothing counts. */
const warmUpShare = 0.05;

/** The search ends when the highest rate is known to within this share. */
const resolution = 0.01;

const triedBatchSizes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];

/**
 * Finds the operating point at which one machine serves the highest rate of Poisson arrivals with
 * requests within the SLO, and the machines that a rate needs when arrivals are split among them
 * by chance. Every rate is tried out on the serving code in virtual time, queueing and batching
 * included, so that no formula for either has to hold.
 *
 * @returns null when no operating point holds the SLO for a lone request
 * @throws DnnScalerError `invalid-argument` for a rate that is no positive number
 */
export function planCapacity(options: PlanOptions): Plan | null {
  const { ratePerS, slo, minHeadroom = 0 } = options;
  if (!(ratePerS > 0) || !Number.isFinite(ratePerS)) {
    throw invalidArgument('the rate', 'must be a positive number of requests per second', ratePerS);
  }
  const best = findBestPoint(options);
  if (best === null) return null;
  let machines = Math.max(1, Math.ceil((ratePerS * (1 + minHeadroom)) / best.sustainablePerS));
  for (;;) {
    const check = serve(options, best.point, ratePerS / machines, checkRequests);
    // A rate at the very edge may hold in a short trial and break in the long one.
    if (check.attainment >= slo.percentile) {
      return {
        ratePerS,
        slo,
        operatingPoint: best.point,
        machines,
        sustainablePerMachineS: best.sustainablePerS,
        headroomPercent: ((machines * best.sustainablePerS) / ratePerS - 1) * 100,
        check,
      };
    }
    machines += 1;
  }
}

interface Candidate {
  readonly point: OperatingPoint;
  /** Rows per second with every instance busy on full batches. */
  readonly capacityPerS: number;
}

/** Tries points in order of capacity, and each only if it could beat the best so far. */
function findBestPoint(
  options: PlanOptions,
): { point: OperatingPoint; sustainablePerS: number } | null {
  let best: { point: OperatingPoint; sustainablePerS: number } | null = null;
  for (const { point, capacityPerS } of candidates(options)) {
    const bestPerS = best?.sustainablePerS ?? 0;
    if (capacityPerS <= bestPerS * (1 + resolution)) break;
    const holds = (ratePerS: number): boolean =>
      serve(options, point, ratePerS, trialRequests).attainment >= options.slo.percentile;
    // Nearly no traffic: a request alone, or held back for company that does not come.
    let low: number = best === null ? capacityPerS * 1e-3 : bestPerS * (1 + resolution);
    if (!holds(low)) continue;
    let high = capacityPerS;
    while (high > low * (1 + resolution)) {
      const middle = (low + high) / 2;
      if (holds(middle)) low = middle;
      else high = middle;
    }
    best = { point, sustainablePerS: low };
  }
  return best;
}

function candidates({ surface, slo }: PlanOptions): readonly Candidate[] {
  const found: Candidate[] = [];
  for (const instances of surface.measuredInstances) {
    const range = surface.measuredRange(instances);
    for (const batchSize of triedBatchSizes) {
      const isKnown = range !== undefined && batchSize >= range.min && batchSize <= range.max;
      if (!isKnown || batchSize > paperLimits.maxBatchSize) continue;
      const latencyMs = surface.latencyMs(batchSize, instances);
      if (latencyMs > slo.limitMs) continue;
      const capacityPerS = (1000 * instances * batchSize) / latencyMs;
      found.push({ point: { batchSize, instances }, capacityPerS });
    }
  }
  return found.sort((a, b) => b.capacityPerS - a.capacityPerS);
}

/** Serves Poisson arrivals on one machine; gives up early once the SLO is lost. */
function serve(
  { surface, slo, noiseSigma = 0, seed = 1 }: PlanOptions,
  point: OperatingPoint,
  ratePerS: number,
  requests: number,
): TrafficCheck {
  const clock = new VirtualClock();
  const random = new Random(seed + requests);
  const engine = surfaceEngine(surface, { clock, noiseSigma, seed: random.nextUint32() });
  const durationMs = (requests / ratePerS) * 1000;
  const latenciesMs = new SampleBuffer();
  let over = 0;
  let rows = 0;
  let calls = 0;
  let busyMs = 0;
  let measuredMs = 0;
  const allowedOver = requests * (1 - slo.percentile);
  const { failed } = simulateTraffic({
    clock,
    engine,
    scaler: new FixedScaler(point, engine.limits),
    slo,
    durationMs,
    arrivals: poissonArrivals(ratePerS, random),
    onAnswer: (nowMs, latencyMs) => {
      if (nowMs < warmUpShare * durationMs) return;
      latenciesMs.push(latencyMs);
      if (latencyMs > slo.limitMs) over += 1;
    },
    until: () => over > allowedOver,
    listener: {
      onWindow: ({ sample }) => {
        rows += sample.rows;
        calls += sample.calls;
        busyMs += sample.busyMs;
        measuredMs += sample.durationMs;
      },
    },
  });
  const sorted = latenciesMs.toArray().sort();
  const atShare = (share: number): number => quantileOfSorted(sorted, share);
  return {
    ratePerS,
    requests: sorted.length + failed,
    attainment: over > allowedOver ? 0 : 1 - (over + failed) / (sorted.length + failed),
    latencyMs: { p50: atShare(0.5), p95: atShare(0.95), p99: atShare(0.99) },
    meanBatch: rows / calls,
    utilisation: busyMs / (measuredMs * point.instances),
  };
}
