import { systemClock } from '../src/clock.ts';
import type { OnnxEngine } from '../src/engines/onnx/onnx-engine.ts';
import type { OperatingPoint } from '../src/operating-point.ts';
import type { Observation } from '../src/scaling/scaler.ts';
import type { SweepOptions } from '../src/serving/sweep.ts';
import { runSweep } from '../src/serving/sweep.ts';
import type { Slo } from '../src/slo.ts';
import { makeSlo } from '../src/slo.ts';
import type { Row } from '../src/tensor/row.ts';
import type { RowSource } from '../src/workload/row-source.ts';
import { syntheticSource } from '../src/workload/row-source.ts';

/** How long each point is measured, at least, and what else a sweep can be told. */
export type PointPolicy = Pick<
  SweepOptions<Row, Row>,
  'pointMs' | 'pointCalls' | 'queuedBatches' | 'onPoint' | 'onStoppable' | 'listener'
>;

/** The same rows over and over. */
export function sourceOf(rows: readonly Row[]): RowSource<Row> {
  return syntheticSource((index) => rows[index % rows.length] as Row);
}

/** Measures points one after the other on the embedded engine, in a closed loop. */
export function measurePoints(
  engine: OnnxEngine,
  rows: readonly Row[],
  points: readonly OperatingPoint[],
  policy: PointPolicy,
): Promise<readonly Observation[]> {
  return runSweep({ engine, source: sourceOf(rows), clock: systemClock, points, ...policy });
}

/** An SLO of so many times a latency, so that it means the same on any machine. */
export function sloOf(latencyMs: number, factor: number): Slo {
  return makeSlo(Number((latencyMs * factor).toPrecision(2)));
}

/** What held the SLO where it was measured, the highest throughput first. */
export function rankWithin(swept: readonly Observation[], slo: Slo): readonly Observation[] {
  return rank(swept, ({ executionLatency }) => executionLatency.atPercentileMs <= slo.limitMs);
}

/** The observations that `fits` accepts, the highest throughput first. */
export function rank(
  swept: readonly Observation[],
  fits: (observation: Observation) => boolean,
): readonly Observation[] {
  return swept.filter(fits).sort((a, b) => b.throughputPerS - a.throughputPerS);
}
