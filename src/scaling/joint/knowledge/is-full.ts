import type { OperatingPoint } from '../../../operating-point.ts';
import type { PointReading } from '../model/point-reading.ts';

/** Batches filled to this share count as full, and instances busy for it as in full use. */
export const fullShare = 0.95;

/** Whether all of its rows and instances were in use. */
export function isFull({
  point,
  batchSize,
  instances,
}: PointReading & { readonly point: OperatingPoint }): boolean {
  return batchSize >= fullShare * point.batchSize && instances >= fullShare * point.instances;
}
