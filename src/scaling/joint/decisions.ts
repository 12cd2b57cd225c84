import type { OperatingPoint } from '../../operating-point.ts';
import type { Decision } from '../scaler.ts';
import type { Incumbent } from './incumbent.ts';

/** Whether it is decided where to go; else it is known what is best so far, if anything is. */
export function isDecision(found: Decision | Incumbent | undefined): found is Decision {
  return found !== undefined && 'kind' in found;
}

export function hold(point: OperatingPoint, reason: string): Decision {
  return { point, kind: 'hold', reason };
}

/**
 * Stays, and says that no other point is likely to hold the SLO.
 *
 * @param isOver whether this one breaks it
 */
export function outOfReach(point: OperatingPoint, why: string, isOver: boolean): Decision {
  const decision = hold(point, `${why}: no other point is likely to hold it`);
  return isOver ? { ...decision, infeasible: true } : decision;
}
