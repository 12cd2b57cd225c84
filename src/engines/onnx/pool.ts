import type { Clock, TimerHandle } from '../../clock.ts';
import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import type { EngineHealth } from '../engine.ts';
import { Backoff } from './backoff.ts';
import type { Instance, InstanceListener, InstanceOutcome } from './instance.ts';
import { poolHealth } from './pool-health.ts';
import { isLive, isWarm, nearestTarget, planPool } from './pool-plan.ts';
import type { MemberState, PoolTarget } from './pool-plan.ts';
import type { PackedBatch, SessionConfig } from './protocol.ts';

/** What the pool needs of an instance. */
export type PooledInstance = Pick<Instance, 'pid' | 'run' | 'retire' | 'giveUp'>;

export interface PoolOptions {
  readonly start: (config: SessionConfig, listener: InstanceListener) => PooledInstance;
  /** A batch of this many known-good rows. */
  readonly warmUpBatch: (batchSize: number) => PackedBatch;
  /** Takes back the buffer of a batch that nobody uses any more. */
  readonly recycle: (buffer: ArrayBuffer) => void;
  /** Why another instance cannot be started now, with so many loading and so many hung. */
  readonly obstacle: (loading: number, hung: number) => DnnScalerError | undefined;
  /** Instances that may load at the same time, from 1. */
  readonly maxLoading: number;
  readonly firstBackoffMs: number;
  readonly maxBackoffMs: number;
  readonly closeLimitMs: number;
  readonly clock: Clock;
  readonly onCapacity: () => void;
  readonly onHealth: (health: EngineHealth) => void;
}

export interface InstanceStatus {
  /** Counts up from 1; never used again. */
  readonly id: number;
  /** Of a process instance. */
  readonly pid?: number;
  readonly state: MemberState;
}

interface Member {
  readonly id: number;
  readonly instance: PooledInstance;
  readonly config: SessionConfig;
  readonly warm: Set<number>;
  state: MemberState;
  serving: boolean;
}

/**
 * The instances of one engine: how many there are, of which configuration, and which are free.
 *
 * Whatever happens ends in `#reconcile`, which takes the steps that `planPool` finds between the
 * members and the target. A change that cannot be carried out lowers the target to what can be
 * reached, so that target and members always come to agree; an instance that dies at another time
 * is replaced, with growing pauses.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #backoff: Backoff;
  readonly #members = new Set<Member>();
  #idle: Member[] = [];
  #target: PoolTarget;
  /** The batch size of the last target that was reached. */
  #provenBatchSize: number;
  #applied: ((error: DnnScalerError | null) => void) | undefined;
  /** True when members and target agree, so that a run that ends needs no reconciling. */
  #steady = false;
  #nextId = 1;
  /** Instances up to this one were there at the last failure. */
  #failedUpTo = 0;
  #fault: DnnScalerError | undefined;
  #shortfall: DnnScalerError | undefined;
  #health: EngineHealth = { ready: true };
  #phase: 'open' | 'closing' | 'closed' = 'open';
  #closed: (() => void) | undefined;
  #closeTimer: TimerHandle | undefined;

  constructor(options: PoolOptions, target: PoolTarget) {
    this.#options = options;
    this.#target = target;
    this.#provenBatchSize = target.batchSize;
    this.#backoff = new Backoff({
      firstMs: options.firstBackoffMs,
      mostMs: options.maxBackoffMs,
      clock: options.clock,
      onOver: () => this.#reconcile(),
    });
  }

  /** What is in effect; while a change is under way, what is aimed at. */
  get target(): PoolTarget {
    return this.#target;
  }

  get freeInstances(): number {
    return this.#idle.length;
  }

  get instances(): readonly InstanceStatus[] {
    return [...this.#members].map(({ id, instance: { pid }, state }) =>
      pid === undefined ? { id, state } : { id, pid, state },
    );
  }

  /** Takes in an instance that is loaded, idle and warm for these batch sizes. */
  adopt(instance: Instance, warm: readonly number[]): void {
    const member = this.#admit(instance.config, (listener) => {
      instance.listener = listener;
      return instance;
    });
    for (const batchSize of warm) member.warm.add(batchSize);
    this.#free(member);
    this.#reconcile();
  }

  /** Runs a batch on a free instance; call only while there is one. */
  run(batch: PackedBatch, done: (outcome: InstanceOutcome) => void): void {
    const member = this.#idle.pop();
    if (member === undefined) throw new DnnScalerError('internal', 'no instance is free');
    member.state = 'busy';
    member.instance.run(batch, (outcome, returned) => {
      if (returned !== undefined) this.#options.recycle(returned);
      if (isLoss(outcome)) {
        // It stays busy until it is told how it ended, so that nothing is started in its place yet.
        done(outcome);
        return;
      }
      this.#afterRun(member, outcome);
      done(outcome);
      if (this.#steady) this.#tellCapacity();
      else this.#reconcile();
    });
  }

  /** Moves to the target, or as near as can be; `done` comes when all of it is in effect. */
  apply(target: PoolTarget, done: (error: DnnScalerError | null) => void): void {
    if (this.#applied !== undefined || this.#phase !== 'open') {
      done(new DnnScalerError('unavailable', 'the engine is closed, or at another change'));
      return;
    }
    this.#applied = done;
    this.#target = target;
    this.#shortfall = undefined;
    this.#backoff.cut();
    this.#reconcile();
  }

  /** Drains and ends every instance. `done` comes at the latest shortly after `closeLimitMs`. */
  close(done: () => void): void {
    this.#phase = 'closing';
    this.#closed = done;
    this.#closeTimer = this.#options.clock.setTimer(this.#options.closeLimitMs, () => {
      const error = new DnnScalerError('cancelled', 'the engine closed before the run ended');
      for (const { instance } of this.#members) instance.giveUp(error);
    });
    this.#backoff.cut();
    for (const member of this.#members) this.#retire(member);
    this.#finishApply(new DnnScalerError('cancelled', 'the engine was closed'));
    this.#reconcile();
  }

  #afterRun(member: Member, outcome: InstanceOutcome): void {
    if (outcome.kind === 'done' && member.id > this.#failedUpTo) this.#backoff.succeeded();
    if (member.state !== 'busy') return;
    this.#free(member);
    // What is to be retired or warmed up must not be taken by whoever waits for this run's end.
    if (!this.#steady) this.#takeSteps();
  }

  #reconcile(): void {
    if (this.#phase !== 'open') {
      this.#finishClose();
      return;
    }
    const aim = this.#target;
    const settled = this.#takeSteps();
    if (this.#target !== aim) {
      this.#reconcile();
      return;
    }
    this.#steady = settled;
    if (settled) {
      this.#fault = undefined;
      this.#provenBatchSize = this.#target.batchSize;
      this.#backoff.cut();
    }
    this.#tellHealth();
    if (settled) this.#finishApply(null);
    this.#tellCapacity();
  }

  #takeSteps(): boolean {
    const plan = planPool([...this.#members], this.#target, this.#options.maxLoading);
    for (const member of plan.retire) this.#retire(member);
    if (plan.warmUp !== undefined) this.#warmUp(plan.warmUp);
    for (let i = 0; i < plan.start && !this.#backoff.pausing; i += 1) this.#start();
    return plan.settled;
  }

  #start(): void {
    const { config } = this.#target;
    const inState = (wanted: MemberState): number =>
      [...this.#members].filter(({ state }) => state === wanted).length;
    const obstacle = this.#options.obstacle(inState('loading'), inState('hung'));
    if (obstacle !== undefined) {
      this.#startFailed(obstacle);
      return;
    }
    try {
      this.#admit(config, (listener) => this.#options.start(config, listener));
    } catch (thrown) {
      this.#startFailed(toDnnScalerError(thrown, 'resource-exhausted'));
    }
  }

  #admit(config: SessionConfig, start: (listener: InstanceListener) => PooledInstance): Member {
    const instance = start({
      onLoaded: () => this.#warmUp(member),
      onEnded: (error) => this.#ended(member, error),
      onHung: (error) => {
        const { state } = member;
        member.state = 'hung';
        if (state === 'retiring') this.#reconcile();
        else this.#died(member, error);
      },
    });
    const id = this.#nextId;
    this.#nextId += 1;
    const state = 'loading';
    const member: Member = { id, instance, config, state, serving: false, warm: new Set() };
    this.#members.add(member);
    return member;
  }

  #warmUp(member: Member): void {
    const { batchSize } = this.#target;
    this.#leaveIdle(member);
    member.state = 'warming';
    member.instance.run(this.#options.warmUpBatch(batchSize), (outcome, returned) => {
      if (returned !== undefined) this.#options.recycle(returned);
      const proven = outcome.kind === 'done' || !this.#fallBack(batchSize, outcome.error);
      if (isLoss(outcome)) return;
      // A size that there is no falling back from is left to real runs.
      if (proven) member.warm.add(batchSize);
      if (member.state === 'warming') this.#afterWarmUp(member);
      this.#reconcile();
    });
  }

  /** A newcomer is let in only when it is warm for what is wanted by now. */
  #afterWarmUp(member: Member): void {
    if (member.serving || isWarm(member, this.#target)) this.#free(member);
    else this.#warmUp(member);
  }

  /** Goes back to the batch size before a change when the new one does not work. */
  #fallBack(batchSize: number, error: DnnScalerError): boolean {
    const changing = this.#applied !== undefined && this.#target.batchSize === batchSize;
    if (!changing || batchSize === this.#provenBatchSize) return false;
    const message = `a warm-up run of ${batchSize} rows failed: ${error.message}`;
    this.#shortfall = new DnnScalerError(error.code, message);
    this.#target = { ...this.#target, batchSize: this.#provenBatchSize };
    return true;
  }

  #free(member: Member): void {
    member.state = 'idle';
    member.serving = true;
    this.#idle.push(member);
  }

  #retire(member: Member): void {
    if (!isLive(member)) return;
    this.#leaveIdle(member);
    member.state = 'retiring';
    member.instance.retire();
  }

  #leaveIdle(member: Member): void {
    this.#idle = this.#idle.filter((other) => other !== member);
  }

  #ended(member: Member, error: DnnScalerError | undefined): void {
    const { state } = member;
    this.#members.delete(member);
    if (error === undefined || state === 'retiring' || state === 'hung') this.#reconcile();
    else this.#died(member, error);
  }

  /** An instance died, or hangs, that was meant to live. */
  #died(member: Member, error: DnnScalerError): void {
    this.#leaveIdle(member);
    if (member.serving) this.#failed(error);
    else this.#startFailed(error);
    this.#reconcile();
  }

  #failed(error: DnnScalerError): void {
    if (this.#phase !== 'open') return;
    this.#fault = error;
    this.#steady = false;
    this.#failedUpTo = this.#nextId - 1;
    this.#backoff.failed();
  }

  /** A change that meets a failure is content with what there is. */
  #startFailed(error: DnnScalerError): void {
    this.#failed(error);
    if (this.#applied === undefined) return;
    const nearest = nearestTarget([...this.#members], this.#target);
    if (nearest === undefined) this.#finishApply(error);
    else {
      this.#shortfall = error;
      this.#target = nearest;
    }
  }

  #finishApply(error: DnnScalerError | null): void {
    const done = this.#applied;
    this.#applied = undefined;
    done?.(error);
  }

  #finishClose(): void {
    const left = [...this.#members].some(({ state }) => state !== 'hung');
    if (left || this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#options.clock.clearTimer(this.#closeTimer);
    this.#closed?.();
  }

  #tellCapacity(): void {
    if (this.#idle.length > 0) this.#options.onCapacity();
  }

  #tellHealth(): void {
    const trouble = { fault: this.#fault, shortfall: this.#shortfall };
    const health = poolHealth([...this.#members], trouble);
    const { ready, message } = this.#health;
    if (health.ready === ready && health.message === message) return;
    this.#health = health;
    this.#options.onHealth(health);
  }
}

/** The instance went down with its run; how it ended is told next. */
function isLoss({ kind }: InstanceOutcome): boolean {
  return kind === 'instance-lost' || kind === 'timed-out';
}
