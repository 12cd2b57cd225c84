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

/** Stays, and says that no point is likely to hold the SLO. */
export function outOfReach(point: OperatingPoint, why: string): Decision {
  return { ...hold(point, `${why}: no other point is likely to hold it`), infeasible: true };
}
