import type { KnobLimits, OperatingPoint } from '../operating-point.ts';
import type { SurfacePoint } from '../simulator/surface.ts';
import { Surface } from '../simulator/surface.ts';
import { writeSurfaces } from '../simulator/surface-csv.ts';
import type { MeasureOptions } from './measure-points.ts';
import { measurePoints } from './measure-points.ts';
import type { OpenedModel } from './open-model.ts';
import { writeOutput } from './output-file.ts';

/** Measures batch sizes in powers of two (and the largest) by every count of instances. */
export async function measureSurface(
  model: OpenedModel,
  options: MeasureOptions,
): Promise<readonly SurfacePoint[]> {
  const observations = await measurePoints(model, gridOf(model.engine.limits), options);
  return observations.map(({ point, throughputPerS }) => ({
    batchSize: point.batchSize,
    instances: point.instances,
    // The latency that makes throughput = instances x batch / latency, as the format has it.
    latencyMs: (1000 * point.batchSize * point.instances) / throughputPerS,
  }));
}

/** @throws DnnScalerError `invalid-argument` when the file cannot be written */
export async function writeSurface(
  file: string,
  network: string,
  points: readonly SurfacePoint[],
): Promise<void> {
  await writeOutput('--surface', file, writeSurfaces([new Surface(network, points)]));
}

function gridOf({ minBatchSize, maxBatchSize, maxInstances }: KnobLimits): OperatingPoint[] {
  const batchSizes: number[] = [];
  for (let batchSize = minBatchSize; batchSize < maxBatchSize; batchSize *= 2) {
    batchSizes.push(batchSize);
  }
  batchSizes.push(maxBatchSize);
  const points: OperatingPoint[] = [];
  for (let instances = 1; instances <= maxInstances; instances += 1) {
    for (const batchSize of batchSizes) points.push({ batchSize, instances });
  }
  return points;
}
