import { DnnScalerError } from '../../errors.ts';
import type { Instance } from './instance.ts';
import { isLive } from './pool-plan.ts';
import type { MemberState } from './pool-plan.ts';
import { mostRuns } from './protocol.ts';
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
  /** Batches that it was given and that have not ended; 0 unless it is busy, or retiring. */
  runs: number;
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
  readonly #idle: Member[] = [];
  /** Those that are busy; the first began its run before the others. */
  readonly #busy: Member[] = [];
  #lastId = 0;

  /** The identifier given out last; 0 before the first. */
  get lastId(): number {
    return this.#lastId;
  }

  get free(): number {
    return this.#idle.length;
  }

  /** Busy members that could be given their next batch. */
  get room(): number {
    let room = 0;
    for (const { runs } of this.#busy) if (runs < mostRuns) room += 1;
    return room;
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
      runs: 0,
      serving: false,
    };
    this.#members.add(member);
    return member;
  }

  remove(member: Member): void {
    this.#leaveLists(member);
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

  /** Batch sizes that the instance which is given the next batch is warm for. */
  get nextWarm(): readonly number[] {
    return [...(this.#next?.warm ?? [])];
  }

  /**
   * The instance for the next batch: a free one, else the busy one that will be free first.
   *
   * @throws DnnScalerError `internal` when none has room
   */
  take(): Member {
    const member = this.#next;
    if (member === undefined) throw new DnnScalerError('internal', 'no instance has room');
    member.runs += 1;
    if (member.state === 'busy') return member;
    this.#idle.pop();
    this.#busy.push(member);
    member.state = 'busy';
    return member;
  }

  /** Whether another member could run what waits at this one. */
  hasOther(member: Member): boolean {
    return this.all().some((other) => other !== member && other.serving && isLive(other));
  }

  /** A run of this member has ended, and the member lives. */
  ended(member: Member): void {
    member.runs -= 1;
    if (member.state !== 'busy') return;
    this.#leaveLists(member);
    if (member.runs === 0) this.setFree(member);
    else this.#busy.push(member);
  }

  setWarming(member: Member): void {
    this.#leaveLists(member);
    member.state = 'warming';
  }

  /** It is going down with what it runs: it is given nothing more, and what became of it comes next. */
  lose(member: Member): void {
    this.#leaveLists(member);
  }

  /** It has been given up, and is left to itself. */
  setHung(member: Member): void {
    this.#leaveLists(member);
    member.state = 'hung';
  }

  /** Asks a member to go when what it is at is over; one that is going, or hangs, is left alone. */
  retire(member: Member): void {
    if (!isLive(member)) return;
    this.#leaveLists(member);
    member.state = 'retiring';
    member.instance.retire();
  }

  get #next(): Member | undefined {
    return this.#idle.at(-1) ?? this.#busy.find(({ runs }) => runs < mostRuns);
  }

  #leaveLists(member: Member): void {
    remove(this.#idle, member);
    remove(this.#busy, member);
  }
}

function remove(members: Member[], member: Member): void {
  const index = members.indexOf(member);
  if (index >= 0) members.splice(index, 1);
}
