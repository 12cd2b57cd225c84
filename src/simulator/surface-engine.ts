import type { Clock } from '../clock.ts';
import type { Imperfections } from './simulated-engine.ts';
import { SimulatedEngine } from './simulated-engine.ts';
import type { Surface } from './surface.ts';

export interface SurfaceEngineOptions<Row> extends Imperfections<Row> {
  readonly clock: Clock;
  readonly seed?: number;
  /** For people: whose latencies these are; default `a measured surface`. */
  readonly name?: string;
}

/** A simulated engine whose calls take what was measured at the busy count of their start. */
export function surfaceEngine<Row = number>(
  surface: Surface,
  options: SurfaceEngineOptions<Row>,
): SimulatedEngine<Row> {
  return new SimulatedEngine<Row>({
    ...options,
    ...surface.limits,
    name: options.name ?? 'a measured surface',
    notes: surface.notes,
    law: (rows, busyInstances) => surface.latencyMs(rows, busyInstances),
    ...(surface.hasPower && {
      powerLaw: (rows: number, busyInstances: number) => surface.powerWatts(rows, busyInstances),
    }),
    reach: (point) => surface.reach(point),
  });
}
