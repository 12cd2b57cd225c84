/** A sweep of batch size x instances that leaves out what is far over an SLO. */
import type { OnnxEngine } from '../src/engines/onnx/onnx-engine.ts';
import type { KnobLimits, OperatingPoint } from '../src/operating-point.ts';
import type { Observation } from '../src/scaling/scaler.ts';
import type { Slo } from '../src/slo.ts';
import type { Row } from '../src/tensor/row.ts';
import { measurePoints } from './measure.ts';

const policy = { pointMs: 700, pointCalls: 8 };
/** With a median call up to this share of the limit a longer look may find that a point holds it. */
const promising = 0.85;
/** A median call this many times the limit: larger batches only take longer. */
const farOver = 1.2;
const largestBatch = 128;
/** Points looked at between two batch sizes of the grid, only the smaller of which is promising. */
const between = [0.25, 0.5, 0.75];

/** Batch sizes 1, 2, 4 up to 128 at every count of instances, until far over the SLO. */
export async function sweepBothKnobs(
  engine: OnnxEngine,
  rows: readonly Row[],
  slo: Slo,
): Promise<readonly Observation[]> {
  const swept: Observation[] = [];
  for (const instances of instanceCounts(engine.limits)) {
    const points = batchSizes(engine.limits).map((batchSize) => ({ batchSize, instances }));
    let stop = (): void => undefined;
    const observed = await measurePoints(engine, rows, points, {
      ...policy,
      onPoint: ({ requestLatency }) => {
        if (requestLatency.p50Ms > farOver * slo.limitMs) stop();
      },
      onStoppable: (end) => {
        stop = end;
      },
    });
    swept.push(...observed);
  }
  return swept;
}

/** A grid of powers of two may miss the best batch by half: looks between its last two, too. */
export async function sweepBetween(
  engine: OnnxEngine,
  rows: readonly Row[],
  slo: Slo,
  grid: readonly Observation[],
): Promise<readonly Observation[]> {
  const points: OperatingPoint[] = [];
  for (const instances of new Set(grid.map(({ point }) => point.instances))) {
    const own = grid.filter(({ point }) => point.instances === instances);
    const first = own.findIndex((observation) => !mayHold(observation, slo));
    const lower = own[first - 1]?.point.batchSize;
    const upper = own[first]?.point.batchSize;
    if (lower === undefined || upper === undefined) continue;
    const sizes = between.map((share) => Math.round(lower * (upper / lower) ** share));
    for (const batchSize of new Set(sizes)) {
      if (batchSize > lower && batchSize < upper) points.push({ batchSize, instances });
    }
  }
  return points.length === 0 ? [] : measurePoints(engine, rows, points, policy);
}

/** A short look's percentile is a matter of one or two calls; its median is not. */
export function mayHold({ requestLatency }: Observation, slo: Slo): boolean {
  return requestLatency.p50Ms <= promising * slo.limitMs;
}

function batchSizes({ minBatchSize, maxBatchSize }: KnobLimits): readonly number[] {
  return powersOfTwo(Math.min(maxBatchSize, largestBatch)).filter((size) => size >= minBatchSize);
}

/** Every count on a small machine; on a large one powers of two, and the most there can be. */
function instanceCounts({ maxInstances }: KnobLimits): readonly number[] {
  if (maxInstances <= 4) return Array.from({ length: maxInstances }, (_, i) => i + 1);
  return [...new Set([...powersOfTwo(maxInstances), maxInstances])];
}

function powersOfTwo(most: number): readonly number[] {
  const powers: number[] = [];
  for (let power = 1; power <= most; power *= 2) powers.push(power);
  return powers;
}
