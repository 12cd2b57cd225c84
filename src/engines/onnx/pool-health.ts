import type { DnnScalerError } from '../../errors.ts';
import type { EngineHealth } from '../engine.ts';
import { isLive } from './pool-plan.ts';
import type { Planned } from './pool-plan.ts';

/** What the state of a pool's instances means for those who want to know whether it serves. */
export interface PoolTrouble {
  /** The failure that is being repaired. */
  readonly fault: DnnScalerError | undefined;
  /** Why the last change reached less than was asked for. */
  readonly shortfall: DnnScalerError | undefined;
}

/**
 * Not ready while a thread hangs (it takes its cores for good, so this process should be replaced)
 * or nothing serves; ready, with a message, while what is broken is being replaced.
 */
export function poolHealth(members: readonly Planned[], trouble: PoolTrouble): EngineHealth {
  const hung = members.filter(({ state }) => state === 'hung').length;
  if (hung > 0) {
    const what = hung === 1 ? 'a thread instance hangs' : `${hung} thread instances hang`;
    const message = `${what} in a run and cannot be ended; restart this process to get its cores back`;
    return { ready: false, message };
  }
  const { fault, shortfall } = trouble;
  const served = members.some((member) => member.serving && isLive(member));
  if (!served) {
    const reason = fault === undefined ? '' : `: ${fault.message}`;
    return { ready: false, message: `no instance is running${reason}` };
  }
  if (fault !== undefined) {
    return { ready: true, message: `an instance is being replaced: ${fault.message}` };
  }
  if (shortfall !== undefined) {
    return { ready: true, message: `not all that was asked for was reached: ${shortfall.message}` };
  }
  return { ready: true };
}
