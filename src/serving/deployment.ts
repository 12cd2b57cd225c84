import type { Clock, TimerHandle } from '../clock.ts';
import type { Engine, EngineHealth } from '../engines/engine.ts';
import { DnnScalerError } from '../errors.ts';
import type { OperatingPoint } from '../operating-point.ts';
import { sameKnobs } from '../operating-point.ts';
import type { Decision, Scaler } from '../scaling/scaler.ts';
import type { Slo } from '../slo.ts';
import type { PowerMeter } from '../telemetry/power/power-meter.ts';
import { formatMs } from '../units.ts';
import { Dispatcher } from './dispatcher.ts';
import type { WindowPolicy, WindowSample } from './measurement.ts';
import { Measurement, defaultWindowPolicy } from './measurement.ts';
import type { AnsweringCall, PendingRequest, Settle, SubmitOptions } from './request.ts';

/** A closed window, and what the scaler made of it. */
export interface WindowReport {
  readonly point: OperatingPoint;
  readonly sample: WindowSample;
  readonly slo: Slo;
  /** What it was for, see `Scaler`: a `throughput` window claims no percentile. */
  readonly wanted: Scaler['wants'];
  readonly decision: Decision;
}

/** Told what a deployment does; every method may be left out. */
export interface DeploymentListener {
  onWindow?(report: WindowReport): void;
  /** A new point took effect, `tookMs` after it was asked for; `error` says why it fell short. */
  onPoint?(point: OperatingPoint, tookMs: number, error: DnnScalerError | null): void;
  onHealth?(health: EngineHealth): void;
  /** An engine call was answered, and its rows have their replies. */
  onCall?(call: AnsweringCall): void;
}

export interface DeploymentOptions<Row, Reply> {
  readonly engine: Engine<Row, Reply>;
  readonly scaler: Scaler;
  readonly slo: Slo;
  readonly clock: Clock;
  readonly windows?: Partial<WindowPolicy>;
  readonly listener?: DeploymentListener;
  /** Tells the power of what the engine runs on; observations then carry it. */
  readonly meter?: PowerMeter;
}

type Phase = 'new' | 'starting' | 'serving' | 'changing' | 'closing' | 'closed';

/**
 * A model being served: queue, batcher, engine and the loop in which a scaler turns the knobs.
 * Rows go in one by one; each is answered exactly once. The engine belongs to the caller, who
 * closes it after `drain`.
 */
export class Deployment<Row = unknown, Reply = unknown> {
  readonly #engine: Engine<Row, Reply>;
  readonly #scaler: Scaler;
  readonly #clock: Clock;
  readonly #listener: DeploymentListener;
  readonly #policy: WindowPolicy;
  readonly #meter: PowerMeter | undefined;
  readonly #dispatcher: Dispatcher<Row, Reply>;
  #slo: Slo;
  #phase: Phase = 'new';
  #measurement: Measurement | null = null;
  #unsettled = 0;
  #health: EngineHealth = { ready: false, message: 'not started' };
  #drainTimer: TimerHandle | undefined;
  readonly #onDrained: (() => void)[] = [];
  #isChanging = false;
  #onStill: (() => void)[] = [];

  constructor(options: DeploymentOptions<Row, Reply>) {
    this.#engine = options.engine;
    this.#scaler = options.scaler;
    this.#clock = options.clock;
    this.#slo = options.slo;
    this.#listener = options.listener ?? {};
    this.#meter = options.meter;
    this.#policy = { ...defaultWindowPolicy, ...options.windows };
    this.#dispatcher = new Dispatcher(options.engine, options.clock, options.slo.limitMs, {
      onAnswered: ({ epoch, requests }, call) => {
        if (epoch !== this.#dispatcher.epoch || this.#phase !== 'serving') return;
        const { startedMs, endedMs, rows } = call;
        this.#measurement?.recordCall(
          startedMs,
          endedMs,
          rows,
          (i) => (requests[i] as (typeof requests)[0]).arrivalMs,
        );
        this.#decideIfDue(endedMs);
      },
      onReplied: (call) => this.#listener.onCall?.(call),
      onFailed: (batch) => {
        if (batch.epoch !== this.#dispatcher.epoch || this.#phase !== 'serving') return;
        this.#measurement?.recordFailure(batch.requests.length);
        this.#decideIfDue(this.#clock.nowMs());
      },
    });
  }

  get slo(): Slo {
    return this.#slo;
  }

  get scaler(): Scaler {
    return this.#scaler;
  }

  /** The point in effect; null before the start. */
  get point(): OperatingPoint | null {
    return this.#measurement?.point ?? null;
  }

  get health(): EngineHealth {
    return this.#health;
  }

  /** Rows waiting for an instance. */
  get queued(): number {
    return this.#dispatcher.queued;
  }

  /** Rows accepted and not yet answered. */
  get unsettled(): number {
    return this.#unsettled;
  }

  /** Brings the engine to the scaler's first point; `done` gets the error if it cannot get there. */
  start(done: (error: DnnScalerError | null) => void): void {
    if (this.#phase !== 'new')
      throw new DnnScalerError('internal', 'a deployment starts only once');
    this.#phase = 'starting';
    this.#engine.listen({
      onCapacity: () => {
        this.#dispatcher.pump();
      },
      onHealth: (health) => {
        this.#health = health;
        // That the engine is closed after the last answer is no news.
        if (this.#phase !== 'closed') this.#listener.onHealth?.(health);
      },
    });
    this.#change(this.#scaler.first(), (error) => {
      if (error === null) {
        this.#health = { ready: true };
      } else {
        this.#phase = 'closed';
        this.#health = { ready: false, message: error.message };
        this.#dispatcher.giveUp(error);
      }
      done(error);
    });
  }

  /**
   * Accepts one row, which has to stay as it is until it is settled; `settle` is called exactly once,
   * with its reply or with an error.
   *
   * @returns what `cancel` takes; undefined when the row was not accepted
   */
  submit(
    row: Row,
    settle: Settle<Reply>,
    options?: SubmitOptions,
  ): PendingRequest<Row, Reply> | undefined {
    if (this.#phase === 'new' || this.#phase === 'closing' || this.#phase === 'closed') {
      const state = this.#phase === 'new' ? 'not started yet' : 'closed, or closing';
      const error = new DnnScalerError('unavailable', `the deployment is ${state}`);
      settle(error, undefined, undefined);
      return undefined;
    }
    this.#unsettled += 1;
    this.#measurement?.recordArrival();
    const settled: Settle<Reply> = (error, reply, call) => {
      this.#unsettled -= 1;
      settle(error, reply, call);
      if (this.#phase === 'closing') this.#finishDrain();
    };
    return this.#dispatcher.submit(row, settled, options);
  }

  /** Takes the rows that `act` submits for one arrival: batches form from all of them. */
  together(act: () => void): void {
    this.#dispatcher.together(act);
  }

  /**
   * Withdraws a row that waits: its `settle` gets `cancelled`. One that runs, or waits at an instance
   * already, is left to end.
   */
  cancel(request: PendingRequest<Row, Reply>): void {
    this.#dispatcher.cancel(request);
  }

  /** The same, as a promise. */
  infer(row: Row): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.submit(row, (error, reply) => {
        if (error === null) resolve(reply as Reply);
        else reject(error);
      });
    });
  }

  /** Changes the objective while serving; the scaler follows from its next decision on. */
  setSlo(slo: Slo): void {
    this.#slo = slo;
    this.#dispatcher.setSloLimit(slo.limitMs);
  }

  /**
   * Accepts no more rows; `drained` is called once every accepted one has been answered. Rows still
   * waiting for an instance after `limitMs` are answered with an error.
   *
   * @param isPatient the limit counts from the last row that was answered. Default false
   */
  drain(limitMs: number, drained: () => void, isPatient = false): void {
    this.#onDrained.push(drained);
    if (this.#phase === 'closing') return;
    if (this.#phase !== 'closed') {
      this.#phase = 'closing';
      this.#giveUpAfter(limitMs, isPatient);
      this.#dispatcher.hurry();
    }
    this.#finishDrain();
  }

  /** Resolves once the engine is at no change: from then on another deployment may use it. */
  whenStill(): Promise<void> {
    if (!this.#isChanging) return Promise.resolve();
    return new Promise((resolve) => this.#onStill.push(resolve));
  }

  #giveUpAfter(limitMs: number, isPatient: boolean): void {
    const before = this.#unsettled;
    this.#drainTimer = this.#clock.setTimer(limitMs, () => {
      if (isPatient && this.#unsettled < before) {
        this.#giveUpAfter(limitMs, isPatient);
        return;
      }
      const message = `not answered within ${formatMs(limitMs)} of shutting down`;
      this.#dispatcher.giveUp(new DnnScalerError('unavailable', message));
    });
  }

  #finishDrain(): void {
    if (this.#unsettled > 0) return;
    this.#phase = 'closed';
    this.#clock.clearTimer(this.#drainTimer);
    for (const drained of this.#onDrained.splice(0)) drained();
  }

  #decideIfDue(nowMs: number): void {
    const measurement = this.#measurement as Measurement;
    const wanted = this.#scaler.wants;
    if (!measurement.isComplete(nowMs, this.#slo, wanted)) return;
    const sample = measurement.close(nowMs, this.#slo);
    const decision = this.#scaler.decide(measurement.observe(this.#slo));
    const { point } = measurement;
    this.#listener.onWindow?.({ point, sample, slo: this.#slo, wanted, decision });
    // The listener may have begun to drain.
    if (!this.#isServing() || !asksForChange(decision.point, point)) return;
    this.#phase = 'changing';
    this.#change(decision.point, () => undefined);
  }

  /** A method, because calls out of here may change the phase. */
  #isServing(): boolean {
    return this.#phase === 'serving';
  }

  /** Samples are dropped until the point has taken effect, so that no window straddles a change. */
  #change(point: OperatingPoint, done: (error: DnnScalerError | null) => void): void {
    const askedMs = this.#clock.nowMs();
    this.#isChanging = true;
    this.#engine.apply(point, (error, reached) => {
      this.#isChanging = false;
      for (const still of this.#onStill.splice(0)) still();
      if (error !== null && this.#measurement === null) {
        done(error);
        return;
      }
      const nowMs = this.#clock.nowMs();
      // The first call of each instance after a change is slower than those that follow.
      this.#measurement = new Measurement(
        reached,
        this.#policy,
        nowMs,
        reached.instances,
        this.#meter,
      );
      if (this.#phase !== 'closing' && this.#phase !== 'closed') this.#phase = 'serving';
      this.#dispatcher.setBatchSize(reached.batchSize);
      if (this.#phase !== 'closed') this.#listener.onPoint?.(reached, nowMs - askedMs, error);
      done(error);
    });
  }
}

/** Threads count only where the scaler chose them itself. */
function asksForChange(asked: OperatingPoint, current: OperatingPoint): boolean {
  return (
    !sameKnobs(asked, current) ||
    (asked.threadsPerInstance !== undefined &&
      asked.threadsPerInstance !== current.threadsPerInstance)
  );
}
