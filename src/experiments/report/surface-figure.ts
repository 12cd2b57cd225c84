import { sameKnobs } from '../../operating-point.ts';
import type { RunResult } from '../../serving/run-result.ts';
import { normalQuantile } from '../../simulator/normal-quantile.ts';
import { findOracle } from '../../simulator/oracle.ts';
import type { Surface } from '../../simulator/surface.ts';
import type { Slo } from '../../slo.ts';
import type { ScalerPath, SurfaceCell, SurfaceFigure } from './surface-chart.ts';

/** Batches at which a surface is drawn, beside those that were measured. */
const drawnBatchSizes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];

/** The whole surface, the paths of some runs on it, and the oracle's point. */
export function figureOfSurface(
  surface: Surface,
  slo: Slo,
  noiseSigma: number,
  runs: readonly Pick<RunResult, 'scaler' | 'windows'>[],
): SurfaceFigure {
  const atPercentile = Math.exp(noiseSigma * normalQuantile(slo.percentile));
  const cells: SurfaceCell[] = [];
  for (const instances of surface.measuredInstances) {
    const range = surface.measuredRange(instances);
    for (const batchSize of drawnBatchSizes) {
      if (range === undefined || batchSize < range.min || batchSize > range.max) continue;
      const latencyMs = surface.latencyMs(batchSize, instances);
      cells.push({
        batchSize,
        instances,
        throughputPerS: (1000 * batchSize * instances) / latencyMs,
        holdsSlo: latencyMs * atPercentile <= slo.limitMs,
      });
    }
  }
  return {
    cells,
    paths: runs.map(pathOf),
    best: findOracle(surface, slo, { noiseSigma }),
    bestName: "the oracle's point",
  };
}

/** What was measured in some runs: a cell for each point visited, the latest window counts. */
export function figureOfRuns(runs: readonly RunResult[]): SurfaceFigure {
  const cells: SurfaceCell[] = [];
  for (const { windows } of runs) {
    for (const { point, throughputPerS, controlledMs, sloLimitMs } of windows) {
      const { batchSize, instances } = point;
      const cell = { batchSize, instances, throughputPerS, holdsSlo: controlledMs <= sloLimitMs };
      const known = cells.findIndex((other) => sameKnobs(other, cell));
      if (known < 0) cells.push(cell);
      else cells[known] = cell;
    }
  }
  const best = cells
    .filter(({ holdsSlo }) => holdsSlo)
    .reduce<SurfaceCell | null>(
      (most, cell) => (cell.throughputPerS > (most?.throughputPerS ?? 0) ? cell : most),
      null,
    );
  return { cells, paths: runs.map(pathOf), best, bestName: 'the best measured' };
}

function pathOf({ scaler, windows }: Pick<RunResult, 'scaler' | 'windows'>): ScalerPath {
  return { scaler, points: windows.map(({ point }) => point) };
}
