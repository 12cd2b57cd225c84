import type { DnnScalerError } from '../../errors.ts';
import type { EngineHealth } from '../engine.ts';
import { isLive } from './pool-plan.ts';
import type { Planned } from './pool-plan.ts';

/** Works out a pool's health and tells it when it changes. */
export class PoolHealth {
  /** The failure that is being repaired. */
  fault: DnnScalerError | undefined;
  /** Why the last change reached less than was asked for. */
  shortfall: DnnScalerError | undefined;
  readonly #onHealth: (health: EngineHealth) => void;
  #told: EngineHealth = { ready: true };

  constructor(onHealth: (health: EngineHealth) => void) {
    this.#onHealth = onHealth;
  }

  tell(members: readonly Planned[]): void {
    const health = this.#of(members);
    if (health.ready === this.#told.ready && health.message === this.#told.message) return;
    this.#told = health;
    this.#onHealth(health);
  }

  /**
   * Not ready while a thread hangs (it takes its cores for good, so this process should be
   * replaced) or nothing serves; ready, with a message, while what is broken is being replaced.
   */
  #of(members: readonly Planned[]): EngineHealth {
    const hung = members.filter(({ state }) => state === 'hung').length;
    if (hung > 0) {
      const what = hung === 1 ? 'a thread instance hangs' : `${hung} thread instances hang`;
      const message = `${what} in a run and cannot be ended; restart this process to get its cores back`;
      return { ready: false, message };
    }
    const { fault, shortfall } = this;
    if (!members.some((member) => member.serving && isLive(member))) {
      const reason = fault === undefined ? '' : `: ${fault.message}`;
      return { ready: false, message: `no instance is running${reason}` };
    }
    if (fault !== undefined) {
      return { ready: true, message: `an instance is being replaced: ${fault.message}` };
    }
    if (shortfall !== undefined) {
      const message = `not all that was asked for was reached: ${shortfall.message}`;
      return { ready: true, message };
    }
    return { ready: true };
  }
}
