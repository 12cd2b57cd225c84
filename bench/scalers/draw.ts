import type { Random } from '../../src/random.ts';

export function uniform(random: Random, from: number, to: number): number {
  return from + (to - from) * random.next();
}

export function logUniform(random: Random, from: number, to: number): number {
  return Math.exp(uniform(random, Math.log(from), Math.log(to)));
}

export function pick<T>(random: Random, values: readonly T[]): T {
  return values[random.integer(values.length)] as T;
}
