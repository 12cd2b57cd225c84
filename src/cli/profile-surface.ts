import { DnnScalerError } from '../errors.ts';
import type { KnobLimits, OperatingPoint } from '../operating-point.ts';
import type { SurfacePoint } from '../simulator/surface.ts';
import { Surface } from '../simulator/surface.ts';
import { writeSurfaces } from '../simulator/surface-csv.ts';
import type { MeasureOptions } from './measure-points.ts';
import { measureUntilInterrupted } from './measure-points.ts';
import type { OpenedModel } from './open-model.ts';
import { writeOutput } from './output-file.ts';

/** What was measured of a surface: all of it, unless a signal came. */
export interface MeasuredSurface {
  readonly points: readonly SurfacePoint[];
  /** Points that were to be measured. */
  readonly wanted: number;
}

/** Measures batch sizes in powers of two (and the largest) by every count of instances. */
export async function measureSurface(
  model: OpenedModel,
  options: MeasureOptions,
): Promise<MeasuredSurface> {
  const grid = gridOf(model.engine.limits);
  const observations = await measureUntilInterrupted(model, grid, options);
  const points = observations.map(({ point, throughputPerS }) => ({
    batchSize: point.batchSize,
    instances: point.instances,
    // The latency that makes throughput = instances x batch / latency, as the format has it.
    latencyMs: (1000 * point.batchSize * point.instances) / throughputPerS,
  }));
  return { points, wanted: grid.length };
}

/** @throws DnnScalerError `invalid-argument` when the file cannot be written */
export async function writeSurface(
  file: string,
  network: string,
  points: readonly SurfacePoint[],
): Promise<void> {
  await writeOutput('--surface', file, writeSurfaces([new Surface(network, points)]));
}

export function describeSurface({ points, wanted }: MeasuredSurface, file = ''): string {
  if (points.length === 0) return 'surface: no point was measured, and no file written';
  const count = points.length < wanted ? `${points.length} of ${wanted}` : String(wanted);
  return `surface of ${count} points: ${file}`;
}

export function interruptedAt(measured: number, wanted: number): DnnScalerError {
  const message = `interrupted: the surface has ${measured} of ${wanted} points`;
  return new DnnScalerError('cancelled', message);
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
