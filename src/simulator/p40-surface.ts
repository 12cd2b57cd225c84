import type { P40Curves } from './p40.ts';
import type { SurfacePoint } from './surface.ts';
import { Surface } from './surface.ts';

/**
 * - `serial`: as the authors ran it, each instance decodes and resizes the images of a batch one
 *   after the other, inside the timed call.
 * - `pipelined`: batches arrive decoded; the timed call is what the GPU and its driver do.
 */
export type Preprocessing = 'serial' | 'pipelined';

export const preprocessings: readonly Preprocessing[] = ['serial', 'pipelined'];

/** Batch sizes given as points: dense where the law bends, and the whole of the paper's range. */
const batchSizes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];

/**
 * The latencies of a network on the simulated P40, batch 1..128 x 1..10 instances. With the GPU time
 * of a batch `s(b) = slice + (b - 1) x gpu per image`:
 *
 * - serial: measured along both axes; off them, `max(L(b, 1), n s(b))`;
 * - pipelined: `max(h + s(b), n s(b))`, where h is what remains of the latency at (1, 1) without its
 *   slice and its preprocessing, at least 0.
 *
 * Co-located instances take turns at the GPU, so that n of them cannot answer faster than one per
 * `s(b)`; below that, the host's share of the call overlaps with the others' slices.
 */
export function p40Surface(curves: P40Curves, preprocessing: Preprocessing): Surface {
  const points: SurfacePoint[] = [];
  const latencyMs = preprocessing === 'serial' ? serialLaw(curves) : pipelinedLaw(curves);
  for (let i = 0; i < curves.instanceLatenciesMs.length; i += 1) {
    for (const batchSize of batchSizes) {
      points.push({ batchSize, instances: i + 1, latencyMs: latencyMs(batchSize, i + 1) });
    }
  }
  return new Surface(curves.network, points);
}

type Law = (batchSize: number, instances: number) => number;

function serialLaw(curves: P40Curves): Law {
  const { instanceLatenciesMs, batchPath } = curves;
  return (batchSize, instances) => {
    if (batchSize === 1) return instanceLatenciesMs[instances - 1] as number;
    const aloneMs = batchPath.fixedMs + batchPath.perImageMs * batchSize;
    return instances === 1 ? aloneMs : Math.max(aloneMs, instances * gpuMs(curves, batchSize));
  };
}

function pipelinedLaw(curves: P40Curves): Law {
  const { instanceLatenciesMs, timeSliceMs, preprocessMs } = curves;
  const hostMs = Math.max(0, (instanceLatenciesMs[0] as number) - timeSliceMs - preprocessMs);
  return (batchSize, instances) => {
    const gpu = gpuMs(curves, batchSize);
    return Math.max(hostMs + gpu, instances * gpu);
  };
}

/** GPU time of one call. */
function gpuMs({ timeSliceMs, gpuMsPerImage }: P40Curves, batchSize: number): number {
  return timeSliceMs + (batchSize - 1) * gpuMsPerImage;
}
