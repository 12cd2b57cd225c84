import { invalidArgument } from '../errors.ts';

/**
 * What makes one operating point better than another, among those that hold the SLO: rows answered
 * per second, or rows answered per joule (throughput over power).
 */
export type Objective = 'throughput' | 'throughput-per-watt';

export const objectives: readonly Objective[] = ['throughput', 'throughput-per-watt'];

/** @throws DnnScalerError `invalid-argument` for another name */
export function parseObjective(name: string, what: string): Objective {
  const found = objectives.find((objective) => objective === name);
  if (found === undefined) {
    throw invalidArgument(what, `must be one of ${objectives.join(', ')}`, name);
  }
  return found;
}

/** What is to be raised, in words: `throughput` or `rows per joule`. */
export function aimOf(objective: Objective): string {
  return objective === 'throughput' ? 'throughput' : 'rows per joule';
}
