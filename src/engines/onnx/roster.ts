import { DnnScalerError } from '../../errors.ts';
import type { Instance } from './instance.ts';
import { isLive } from './pool-plan.ts';
import type { MemberState } from './pool-plan.ts';
import type { SessionConfig } from './protocol.ts';

/** What the pool needs of an instance. */
export type PooledInstance = Pick<Instance, 'pid' | 'run' | 'retire' | 'giveUp'>;

/** An instance in the pool. */
export interface Member {
  /** Counts up from 1; never used again. */
  readonly id: number;
  readonly instance: PooledInstance;
  readonly config: SessionConfig;
  /** Batch sizes that it has run. */
  readonly warm: Set<number>;
  state: MemberState;
  /** True from the time it first could take a batch. */
  serving: boolean;
}

export interface InstanceStatus {
  /** Counts up from 1; never used again. */
  readonly id: number;
  /** Of a process instance. */
  readonly pid?: number;
  readonly state: MemberState;
}

/** Who is in the pool and who of them is free; the states and the list of the free stay in step. */
export class Roster {
  readonly #members = new Set<Member>();
  /** The last to become free is the next to run: its caches are the warmest. */
  #idle: Member[] = [];
  #lastId = 0;

  /** The identifier given out last; 0 before the first. */
  get lastId(): number {
    return this.#lastId;
  }

  get free(): number {
    return this.#idle.length;
  }

  get statuses(): readonly InstanceStatus[] {
    return this.all().map(({ id, instance: { pid }, state }) =>
      pid === undefined ? { id, state } : { id, pid, state },
    );
  }

  all(): readonly Member[] {
    return [...this.#members];
  }

  count(wanted: MemberState): number {
    return this.all().filter(({ state }) => state === wanted).length;
  }

  /** Takes in an instance that is loading. */
  add(instance: PooledInstance, config: SessionConfig): Member {
    this.#lastId += 1;
    const id = this.#lastId;
    const member: Member = {
      id,
      instance,
      config,
      warm: new Set(),
      state: 'loading',
      serving: false,
    };
    this.#members.add(member);
    return member;
  }

  remove(member: Member): void {
    this.#leaveIdle(member);
    this.#members.delete(member);
  }

  setFree(member: Member): void {
    member.state = 'idle';
    member.serving = true;
    this.#idle.push(member);
  }

  /** Idle, but not to be given anything yet. */
  holdBack(member: Member): void {
    member.state = 'idle';
  }

  /** Frees those that were held back. */
  letGo(): void {
    for (const member of this.#members) {
      if (member.state === 'idle' && !this.#idle.includes(member)) this.setFree(member);
    }
  }

  /** Batch sizes that the instance which runs next is warm for. */
  get nextWarm(): readonly number[] {
    return [...(this.#idle.at(-1)?.warm ?? [])];
  }

  /** @throws DnnScalerError `internal` when none is free */
  takeFree(): Member {
    const member = this.#idle.pop();
    if (member === undefined) throw new DnnScalerError('internal', 'no instance is free');
    member.state = 'busy';
    return member;
  }

  setWarming(member: Member): void {
    this.#leaveIdle(member);
    member.state = 'warming';
  }

  /** Asks a member to go when what it is at is over; one that is going, or hangs, is left alone. */
  retire(member: Member): void {
    if (!isLive(member)) return;
    this.#leaveIdle(member);
    member.state = 'retiring';
    member.instance.retire();
  }

  #leaveIdle(member: Member): void {
    this.#idle = this.#idle.filter((other) => other !== member);
  }
}
