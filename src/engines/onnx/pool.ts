import type { Clock, TimerHandle } from '../../clock.ts';
import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import type { EngineHealth } from '../engine.ts';
import { Backoff } from './backoff.ts';
import type { Instance, InstanceDone, InstanceListener, InstanceOutcome } from './instance.ts';
import { PoolHealth } from './pool-health.ts';
import { nearestTarget, planPool } from './pool-plan.ts';
import type { MemberState, PoolTarget } from './pool-plan.ts';
import type { RunBatch, SessionConfig } from './protocol.ts';
import { Roster } from './roster.ts';
import type { InstanceStatus, Member, PooledInstance } from './roster.ts';

/** How a batch ended, whatever its instance goes on to do with it. */
export type RunEnd = Exclude<InstanceOutcome, { readonly kind: 'recalled' }>;

export interface PoolOptions {
  readonly start: (config: SessionConfig, listener: InstanceListener) => PooledInstance;
  /** A batch of this many known-good rows. */
  readonly warmUpBatch: (batchSize: number) => RunBatch;
  /** Takes back the buffer of a batch that nobody uses any more. */
  readonly recycle: (buffer: ArrayBuffer) => void;
  /**
   * Whether an instance stays warm for every batch size that it has run, or only for the one that
   * it ran last.
   */
  readonly keepsSizes: boolean;
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
  readonly #roster = new Roster();
  readonly #backoff: Backoff;
  readonly #health: PoolHealth;
  #target: PoolTarget;
  /** The batch size of the last target that was reached. */
  #provenBatchSize: number;
  #applied: ((error: DnnScalerError | null) => void) | undefined;
  /** True when members and target agree, so that a run that ends needs no reconciling. */
  #steady = false;
  /** Instances up to this one were there at the last failure. */
  #failedUpTo = 0;
  #phase: 'open' | 'closing' | 'closed' = 'open';
  #closed: (() => void) | undefined;
  #closeTimer: TimerHandle | undefined;

  constructor(options: PoolOptions, target: PoolTarget) {
    this.#options = options;
    this.#target = target;
    this.#provenBatchSize = target.batchSize;
    this.#health = new PoolHealth(options.onHealth);
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
    return this.#roster.free;
  }

  /** Batches that could be given to busy instances; none during a change, which waits for their end. */
  get prefetchRoom(): number {
    return this.#steady && this.#phase === 'open' ? this.#roster.room : 0;
  }

  get instances(): readonly InstanceStatus[] {
    return this.#roster.statuses;
  }

  /** Takes in an instance that is loaded, idle and warm for these batch sizes. */
  adopt(instance: Instance, warm: readonly number[]): void {
    const member = this.#admit(instance.config, (listener) => {
      instance.listener = listener;
      return instance;
    });
    for (const batchSize of warm) member.warm.add(batchSize);
    this.#roster.setFree(member);
    this.#reconcile();
  }

  /** The smallest batch size, of this many rows or more, that the next instance is warm for. */
  warmSizeFor(rows: number): number {
    const { nextWarm } = this.#roster;
    // One that has still to be warmed up for another size stands at the size before.
    const sizes = nextWarm.length === 0 ? [this.#provenBatchSize] : nextWarm;
    const fitting = sizes.filter((size) => size >= rows);
    return fitting.length === 0 ? rows : Math.min(...fitting);
  }

  /**
   * Runs a batch on a free instance, else on the busy one that will be free first; call only while
   * there is room.
   *
   * @param started called when a batch that had to wait begins to run
   */
  run(batch: RunBatch, done: (outcome: RunEnd) => void, started?: () => void): void {
    const member = this.#roster.take();
    let isRecalled = false;
    const tell = (outcome: RunEnd): void => {
      if (!isRecalled) done(outcome);
    };
    const ended: InstanceDone = (outcome, returned) => {
      if (outcome.kind === 'recalled') {
        if (!this.#roster.hasOther(member)) return;
        // It still takes its place at the instance, which may go on.
        isRecalled = true;
        done({ kind: 'instance-lost', error: outcome.error });
        return;
      }
      if (returned !== undefined) this.#options.recycle(returned);
      if (isLoss(outcome)) {
        // It stays busy until it is told how it ended, so that nothing is started in its place yet.
        this.#roster.lose(member);
        tell(outcome);
        return;
      }
      if (outcome.kind === 'done' && member.id > this.#failedUpTo) this.#backoff.succeeded();
      this.#roster.ended(member);
      // What is to be retired or warmed up must not be taken by whoever waits for this run's end.
      if (!this.#steady && this.#phase === 'open') this.#takeSteps();
      tell(outcome);
      if (this.#steady) this.#tellCapacity();
      else this.#reconcile();
    };
    member.instance.run(batch, ended, () => {
      if (!isRecalled) started?.();
    });
  }

  /** Moves to the target, or as near as can be; `done` comes when all of it is in effect. */
  apply(target: PoolTarget, done: (error: DnnScalerError | null) => void): void {
    if (this.#applied !== undefined || this.#phase !== 'open') {
      done(new DnnScalerError('unavailable', 'the engine is closed, or at another change'));
      return;
    }
    this.#applied = done;
    if (!this.#options.keepsSizes && target.batchSize !== this.#target.batchSize) {
      for (const { warm } of this.#roster.all()) warm.clear();
    }
    this.#target = target;
    this.#health.shortfall = undefined;
    this.#backoff.cut();
    this.#reconcile();
  }

  /** Drains and ends every instance. `done` comes at the latest shortly after `closeLimitMs`. */
  close(done: () => void): void {
    this.#phase = 'closing';
    this.#steady = false;
    this.#closed = done;
    this.#closeTimer = this.#options.clock.setTimer(this.#options.closeLimitMs, () => {
      const error = new DnnScalerError('cancelled', 'the engine closed before the run ended');
      for (const { instance } of this.#roster.all()) instance.giveUp(error);
    });
    this.#backoff.cut();
    for (const member of this.#roster.all()) this.#roster.retire(member);
    this.#finishApply(new DnnScalerError('cancelled', 'the engine was closed'));
    this.#reconcile();
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
      this.#health.fault = undefined;
      this.#provenBatchSize = this.#target.batchSize;
      this.#backoff.cut();
    }
    this.#health.tell(this.#roster.all());
    if (settled) this.#finishApply(null);
    this.#tellCapacity();
  }

  #takeSteps(): boolean {
    const plan = planPool(this.#roster.all(), this.#target, this.#options.maxLoading);
    for (const member of plan.retire) this.#roster.retire(member);
    for (const member of plan.warmUp) this.#warmUp(member);
    for (let i = 0; i < plan.start && !this.#backoff.pausing; i += 1) this.#start();
    return plan.settled;
  }

  #start(): void {
    const { config } = this.#target;
    const { start, obstacle } = this.#options;
    const reason = obstacle(this.#roster.count('loading'), this.#roster.count('hung'));
    if (reason !== undefined) {
      this.#startFailed(reason);
      return;
    }
    try {
      this.#admit(config, (listener) => start(config, listener));
    } catch (thrown) {
      this.#startFailed(toDnnScalerError(thrown, 'resource-exhausted'));
    }
  }

  #admit(config: SessionConfig, start: (listener: InstanceListener) => PooledInstance): Member {
    const instance = start({
      onLoaded: () => this.#warmUp(member),
      onEnded: (error) => {
        const { state } = member;
        this.#roster.remove(member);
        this.#lost(member, state, error);
      },
      onHung: (error) => {
        const { state } = member;
        this.#roster.setHung(member);
        this.#lost(member, state, error);
      },
    });
    const member = this.#roster.add(instance, config);
    return member;
  }

  #warmUp(member: Member): void {
    const { batchSize } = this.#target;
    this.#roster.setWarming(member);
    member.instance.run(this.#options.warmUpBatch(batchSize), (outcome, returned) => {
      if (returned !== undefined) this.#options.recycle(returned);
      const fallenBack = outcome.kind !== 'done' && this.#fallBack(batchSize, outcome.error);
      if (isLoss(outcome)) return;
      if (!this.#options.keepsSizes) member.warm.clear();
      // A size that there is no falling back from is left to real runs.
      if (!fallenBack) member.warm.add(batchSize);
      if (member.state === 'warming') {
        if (this.#isShrinking) this.#roster.holdBack(member);
        else this.#roster.setFree(member);
      }
      this.#reconcile();
    });
  }

  /**
   * While a change to smaller batches is under way large ones still come, and an instance that runs one
   * is no longer warm for the size it was warmed up for.
   */
  get #isShrinking(): boolean {
    const isChanging = this.#applied !== undefined;
    const isSmaller = this.#target.batchSize < this.#provenBatchSize;
    return !this.#options.keepsSizes && isChanging && isSmaller;
  }

  /** Goes back to the batch size before a change when the new one does not work. */
  #fallBack(batchSize: number, error: DnnScalerError): boolean {
    const changing = this.#applied !== undefined && this.#target.batchSize === batchSize;
    if (!changing || batchSize === this.#provenBatchSize) return false;
    const message = `a warm-up run of ${batchSize} rows failed: ${error.message}`;
    this.#health.shortfall = new DnnScalerError(error.code, message);
    this.#target = { ...this.#target, batchSize: this.#provenBatchSize };
    return true;
  }

  /** An instance has ended, or hangs; a failure it is only if it was meant to live. */
  #lost(member: Member, before: MemberState, error: DnnScalerError | undefined): void {
    if (error !== undefined && before !== 'retiring' && before !== 'hung') {
      if (member.serving) this.#failed(error);
      else this.#startFailed(error);
    }
    this.#reconcile();
  }

  #failed(error: DnnScalerError): void {
    if (this.#phase !== 'open') return;
    this.#health.fault = error;
    this.#failedUpTo = this.#roster.lastId;
    this.#backoff.failed();
  }

  /** A change that meets a failure is content with what there is. */
  #startFailed(error: DnnScalerError): void {
    this.#failed(error);
    if (this.#applied === undefined) return;
    const nearest = nearestTarget(this.#roster.all(), this.#target);
    if (nearest === undefined) this.#finishApply(error);
    else {
      this.#health.shortfall = error;
      this.#target = nearest;
    }
  }

  #finishApply(error: DnnScalerError | null): void {
    const done = this.#applied;
    this.#applied = undefined;
    this.#roster.letGo();
    done?.(error);
  }

  #finishClose(): void {
    const left = this.#roster.all().some(({ state }) => state !== 'hung');
    if (left || this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#options.clock.clearTimer(this.#closeTimer);
    this.#closed?.();
  }

  #tellCapacity(): void {
    if (this.#roster.free > 0) this.#options.onCapacity();
  }
}

/** The instance went down with its run; how it ended is told next. */
function isLoss({ kind }: InstanceOutcome): boolean {
  return kind === 'instance-lost' || kind === 'timed-out';
}
