import { readFileSync } from 'node:fs';
import { Random } from '../../src/random.ts';
import { parseSurfaces } from '../../src/simulator/surface-csv.ts';
import type { SurfacePoint } from '../../src/simulator/surface.ts';
import { Surface } from '../../src/simulator/surface.ts';
import { logUniform, pick, uniform } from './draw.ts';

/** The five networks measured on an A100. */
export function a100Surfaces(): readonly Surface[] {
  return surfacesIn('data/a100-surface.csv');
}

/** The five of `bench:gpu` on an H100; the scalers and their laws were finished before. */
export function h100Surfaces(): readonly Surface[] {
  return surfacesIn('bench/results/nvidia-h100-80gb-hbm3-cuda-2026-11-27/surface.csv');
}

function surfacesIn(path: string): readonly Surface[] {
  const file = new URL(`../../${path}`, import.meta.url);
  return [...parseSurfaces(readFileSync(file, 'utf8'), path).values()];
}

/** Shapes that a latency surface may have, none of them fitted to a measured network. */
export const shapes = [
  'two resources',
  'overlapping',
  'saturating',
  'stepped',
  'company helps',
  'cores',
  'interfering',
  'memory limit',
  'fewer instances',
  'flat',
  'serial',
  'weights alone',
] as const;
export type Shape = (typeof shapes)[number];

const batchSizes = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128];

/**
 * A made-up network of a shape, with bumps of some percent on top: the seed chooses its parameters.
 * Latencies at (1,1) are 8 to 60 ms.
 */
export function madeUpSurface(shape: Shape, seed: number): Surface {
  const random = new Random(seed * 7919 + shapes.indexOf(shape));
  const maxInstances = pick(random, [4, 5, 8, 10]);
  const law = lawOf(shape, random, maxInstances);
  const bump = bumps(random);
  const memory = shape === 'memory limit' ? logUniform(random, 16, 300) : Infinity;
  const most = shape === 'fewer instances' ? 1 + random.integer(maxInstances) : maxInstances;
  // Steps lie between the usual batch sizes: every one is measured, as far as they matter.
  const measured = shape === 'stepped' ? Array.from({ length: 128 }, (_, i) => i + 1) : batchSizes;
  const points: SurfacePoint[] = [];
  for (let instances = 1; instances <= most; instances += 1) {
    for (const batchSize of measured) {
      if (batchSize > 1 && batchSize * instances > memory) continue;
      const latencyMs = law(batchSize, instances) * bump(batchSize, instances);
      points.push({ batchSize, instances, latencyMs });
    }
  }
  return new Surface(`${shape} ${seed}`, points);
}

type Law = (batchSize: number, instances: number) => number;

/**
 * Host time h beside the device, device time s(b) = s0 + g b of which only one call makes progress
 * at a time: L(b, n) = max(h + s(b), n s(b)), and departures from it by shape.
 */
function lawOf(shape: Shape, random: Random, maxInstances: number): Law {
  const baseMs = logUniform(random, 8, 60);
  const deviceShare = shape === 'cores' || shape === 'serial' ? 1 : logUniform(random, 0.04, 1);
  const perRow = perRowShare(shape, random);
  const hostMs = baseMs * (1 - deviceShare);
  const device = (rows: number): number => baseMs * deviceShare * (1 - perRow + perRow * rows);
  const plain: Law = (b, n) => Math.max(hostMs + device(b), n * device(b));
  switch (shape) {
    case 'flat':
      return () => baseMs;
    case 'overlapping': {
      const bend = logUniform(random, 2, 10);
      return (b, n) => Math.max((hostMs ** bend + device(b) ** bend) ** (1 / bend), n * device(b));
    }
    case 'saturating': {
      const curve = logUniform(random, 0.002, 0.02);
      return (b, n) => plain(b, n) * (1 + curve * b);
    }
    case 'stepped': {
      const tile = pick(random, [4, 8, 16]);
      return (b, n) => plain(tile * Math.ceil(b / tile), n);
    }
    case 'company helps': {
      const least = 2 + random.integer(Math.max(1, maxInstances - 2));
      const depth = uniform(random, 0.2, 0.6);
      return (b, n) => {
        const relief = 1 - depth * Math.min(1, (n - 1) / (least - 1));
        return Math.max((hostMs + device(b)) * relief, n * device(b));
      };
    }
    case 'cores': {
      const cores = 2 + random.integer(7);
      const speedUp = uniform(random, 0.2, 0.95);
      return (b, n) => {
        const threads = Math.max(1, Math.floor(cores / n));
        return device(b) * threads ** -speedUp * Math.max(1, n / cores);
      };
    }
    case 'interfering': {
      const exponent = uniform(random, 1.05, 1.4);
      return (b, n) => Math.max(hostMs + device(b), n ** exponent * device(b));
    }
    default:
      return plain;
  }
}

/** Of the device time of one row: the rest, as reading the weights, is paid once a call. */
function perRowShare(shape: Shape, random: Random): number {
  if (shape === 'serial') return 1;
  return shape === 'weights alone' ? logUniform(random, 0.0005, 0.01) : uniform(random, 0.05, 1);
}

/** A smooth factor of some percent over the logarithms of both knobs. */
function bumps(random: Random): Law {
  const waves = Array.from({ length: 4 }, () => ({
    alongBatch: uniform(random, 0.6, 3),
    alongInstances: uniform(random, 0.9, 4.5),
    phase: uniform(random, 0, 2 * Math.PI),
    height: uniform(random, 0, 0.03),
  }));
  return (b, n) => {
    let log = 0;
    for (const { alongBatch, alongInstances, phase, height } of waves) {
      log += height * Math.sin(alongBatch * Math.log(b) + alongInstances * Math.log(n) + phase);
    }
    return Math.exp(log);
  };
}
