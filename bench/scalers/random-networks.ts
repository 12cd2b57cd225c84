import { Random } from '../../src/random.ts';
import type { SurfacePoint } from '../../src/simulator/surface.ts';
import { Surface } from '../../src/simulator/surface.ts';
import { logUniform, pick, uniform } from './draw.ts';

/**
 * Networks drawn at random from what is known of GPUs and CPUs, not from the laws that the joint
 * scaler believes in: kernels in waves over the multiprocessors, memory traffic beside arithmetic,
 * cores shared out or fought for. For the question how it does on networks never seen.
 */
export const kinds = ['gpu', 'cpu', 'server'] as const;
export type Kind = (typeof kinds)[number];

const grid = [1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128];

type Law = (batchSize: number, instances: number) => number;

export function randomNetwork(kind: Kind, seed: number): Surface {
  const random = new Random(seed * 104_729 + 31 * kinds.indexOf(kind));
  const maxInstances = kind === 'cpu' ? 2 + random.integer(7) : 3 + random.integer(8);
  const law = { gpu: gpuLaw, cpu: cpuLaw, server: serverLaw }[kind](random);
  const spread = uniform(random, 0, 0.03);
  const points: SurfacePoint[] = [];
  for (let instances = 1; instances <= maxInstances; instances += 1) {
    for (const batchSize of grid) {
      // What was measured is never quite smooth.
      const error = Math.exp(spread * random.normal());
      points.push({ batchSize, instances, latencyMs: law(batchSize, instances) * error });
    }
  }
  return new Surface(`${kind} ${seed}`, points);
}

/**
 * Some layers whose kernels come in waves: a kernel of w blocks on m multiprocessors takes ceil(w / m)
 * waves, or the time to read its weights and move its rows. Launching costs the host a time that
 * overlaps with the device, and copying in and out one that does not. Instances share the waves and
 * the memory's bandwidth.
 */
function gpuLaw(random: Random): Law {
  const processors = pick(random, [20, 40, 80, 108]);
  const layers = Array.from({ length: 3 + random.integer(8) }, () => ({
    blocksPerRow: logUniform(random, 0.5, 200),
    waveMs: logUniform(random, 0.02, 0.8),
    weightsMs: logUniform(random, 0.01, 1),
    moveMsPerRow: logUniform(random, 0.001, 0.2),
    launchMs: uniform(random, 0.01, 0.3),
  }));
  const copyMs = uniform(random, 0, 3);
  const copyMsPerRow = logUniform(random, 0.005, 0.3);
  const interference = uniform(random, 0, 0.12);
  const scale = logUniform(random, 0.5, 6);
  return (b, n) => {
    let aloneMs = 0;
    let deviceMs = 0;
    for (const layer of layers) {
      const waves = (layer.blocksPerRow * b) / processors;
      const computeMs = layer.waveMs * Math.max(1, Math.ceil(waves));
      const memoryMs = layer.weightsMs + layer.moveMsPerRow * b;
      aloneMs += Math.max(computeMs, memoryMs, layer.launchMs);
      deviceMs += Math.max(layer.waveMs * waves, memoryMs * 0.8);
    }
    const callMs = aloneMs + copyMs + copyMsPerRow * b;
    const crowd = 1 + interference * (n - 1);
    return scale * Math.max(callMs * Math.sqrt(crowd), n * deviceMs * crowd);
  };
}

/**
 * c cores of which each of n instances gets floor(c / n), by Amdahl's law; more instances than cores
 * take turns. Weights are read once a call, through a bandwidth that instances share.
 */
function cpuLaw(random: Random): Law {
  const cores = pick(random, [2, 2, 4, 6, 8, 16]);
  const parallelShare = uniform(random, 0.5, 0.99);
  const rowMs = logUniform(random, 0.2, 40);
  const weightsMs = logUniform(random, 0.01, 30);
  const callMs = logUniform(random, 0.05, 2);
  const cacheRows = logUniform(random, 4, 400);
  const cacheLoss = uniform(random, 0, 0.5);
  const contention = uniform(random, 0, 0.15);
  const vector = pick(random, [1, 1, 4, 8]);
  return (b, n) => {
    const threads = Math.max(1, Math.floor(cores / n));
    const amdahl = 1 - parallelShare + parallelShare / threads;
    const rows = vector * Math.ceil(b / vector);
    const spill = 1 + cacheLoss * (1 - Math.exp(-(b * n) / cacheRows));
    const crowding = Math.max(1, n / cores) * (1 + contention * (Math.min(n, cores) - 1));
    const memoryMs = weightsMs * Math.max(1, n / 2);
    return callMs + (Math.max(rows * rowMs * spill, rowMs) * amdahl + memoryMs) * crowding;
  };
}

/** A black box behind a network: a fixed time, rows that queue at k workers, a soft saturation. */
function serverLaw(random: Random): Law {
  const fixedMs = logUniform(random, 0.5, 40);
  const rowMs = logUniform(random, 0.02, 10);
  const workers = uniform(random, 1, 6);
  const sharpness = logUniform(random, 1.5, 8);
  const exponent = uniform(random, 0.75, 1.15);
  const knee = logUniform(random, 10, 1000);
  return (b, n) => {
    const workMs = rowMs * b ** exponent * (1 + (b * n) / knee);
    const queuedMs = (n * workMs) / workers;
    const aloneMs = fixedMs + workMs;
    return (aloneMs ** sharpness + queuedMs ** sharpness) ** (1 / sharpness);
  };
}
