import { writeCsv } from '../csv.ts';
import { DnnScalerError, invalidArgument } from '../errors.ts';
import { readTable } from './csv-table.ts';
import type { SurfacePoint } from './surface.ts';
import { Surface } from './surface.ts';

const columns = ['network', 'batch_size', 'instances', 'latency_ms'] as const;
const powerColumn = 'power_watts';

/** Beyond these a figure in a file is a slip, not a measurement. */
const largestBatchSize = 65_536;
const largestInstances = 1024;

/**
 * Parses surfaces from `network,batch_size,instances,latency_ms[,power_watts]`, latency being that of
 * one batch in ms. Lines may be in any order, and further columns are ignored. A network has its
 * power when every line of it has one.
 *
 * @param name of the file, for error messages
 * @returns the surfaces by network, in order of first appearance
 * @throws DnnScalerError `invalid-argument` with line, column, rule and value for a bad file
 */
export function parseSurfaces(text: string, name: string): ReadonlyMap<string, Surface> {
  const pointsOf = new Map<string, SurfacePoint[]>();
  const lineOf = new Map<string, number>();
  for (const row of readTable(text, name, columns, [powerColumn])) {
    const network = row.text('network');
    const powerWatts = row.positiveOrNone(powerColumn);
    const point: SurfacePoint = {
      batchSize: row.count('batch_size', largestBatchSize),
      instances: row.count('instances', largestInstances),
      latencyMs: row.positive('latency_ms'),
      ...(powerWatts !== undefined && { powerWatts }),
    };
    const key = `${network},${point.batchSize},${point.instances}`;
    const before = lineOf.get(key);
    if (before !== undefined) {
      throw invalidArgument(
        `${name} line ${row.line}`,
        `must not measure a point twice (line ${before} did)`,
        key,
      );
    }
    lineOf.set(key, row.line);
    const points = pointsOf.get(network);
    if (points === undefined) pointsOf.set(network, [point]);
    else points.push(point);
  }
  return new Map([...pointsOf].map(([network, points]) => [network, new Surface(network, points)]));
}

/**
 * The surface to use: the one named, or the only one there is.
 *
 * @throws DnnScalerError `invalid-argument` for a name that is not there, or none where there are
 *   several; the message lists the names
 */
export function chooseSurface(
  surfaces: ReadonlyMap<string, Surface>,
  network: string | undefined,
): Surface {
  const names = [...surfaces.keys()];
  const [only] = surfaces.values();
  if (network === undefined && only !== undefined && names.length === 1) return only;
  const chosen = network === undefined ? undefined : surfaces.get(network);
  if (chosen !== undefined) return chosen;
  const rule = `must be one of ${names.join(', ')}`;
  throw network === undefined
    ? new DnnScalerError(
        'invalid-argument',
        `--network ${rule}, for the file holds several; none was given`,
      )
    : invalidArgument('--network', rule, network);
}

/**
 * Writes surfaces in the form that `parseSurfaces` reads; latencies in ms to a tenth of a us, powers in
 * watts to a hundredth, in a column that is there when any was measured.
 */
export function writeSurfaces(surfaces: Iterable<Surface>): string {
  const all = [...surfaces];
  const hasPower = all.some(({ points }) =>
    points.some(({ powerWatts }) => powerWatts !== undefined),
  );
  const rows = all.flatMap((surface) =>
    surface.points.map((point) => [
      surface.network,
      point.batchSize,
      point.instances,
      Number(point.latencyMs.toFixed(4)),
      ...(hasPower
        ? [point.powerWatts === undefined ? '' : Number(point.powerWatts.toFixed(2))]
        : []),
    ]),
  );
  return writeCsv([hasPower ? [...columns, powerColumn] : columns, ...rows]);
}
