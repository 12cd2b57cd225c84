import type { Clock, TimerHandle } from '../clock.ts';
import type { Engine } from '../engines/engine.ts';
import type { DnnScalerError } from '../errors.ts';
import { toDnnScalerError } from '../errors.ts';
import type { OperatingPoint } from '../operating-point.ts';
import type { Scaler } from '../scaling/scaler.ts';
import type { Slo } from '../slo.ts';
import { percentileName } from '../slo.ts';
import { samplesFor } from '../telemetry/quantile.ts';
import { ClosedLoop } from '../workload/closed-loop.ts';
import type { PowerMeter } from '../telemetry/power/power-meter.ts';
import type { RowSource } from '../workload/row-source.ts';
import type { DeploymentListener, WindowReport } from './deployment.ts';
import { Deployment } from './deployment.ts';
import type { WindowPolicy } from './measurement.ts';
import type { PointChange, RunResult, RunWindow } from './run-result.ts';
import { describeWindow, steadyFigures } from './run-result.ts';
import { steadyStretch } from './steady-state.ts';

export interface TrialOptions<Row, Reply> {
  readonly engine: Engine<Row, Reply>;
  readonly scaler: Scaler;
  readonly slo: Slo;
  readonly source: RowSource<Row>;
  readonly clock: Clock;
  /** How long to run, in ms, counted from when the first point took effect. */
  readonly durationMs: number;
  /**
   * A run whose point is still changing after `durationMs` goes on until it is steady, up to so long
   * in all, in ms. By default it ends at once.
   */
  readonly steadyLimitMs?: number;
  /**
   * Batches for each instance that are outstanding besides the one that it runs, so that it never
   * waits for rows; requests then wait for it. Default 0.
   */
  readonly queuedBatches?: number;
  readonly windows?: Partial<WindowPolicy>;
  readonly listener?: DeploymentListener;
  /** Told of each answer. */
  readonly onReply?: (row: Row, reply: Reply) => void;
  /** Tells the power of what the engine runs on; where it has nothing to tell, a note says why. */
  readonly meter?: PowerMeter;
}

/** How long accepted rows may take to be answered at the end. */
const drainLimitMs = 30_000;

/** Rows that may fail before the first one is answered: a model that rejects everything. */
const tolerableFirstFailures = 64;

/**
 * One run of one scaler: a deployment under a closed loop of `batchSize x instances` rows, for a
 * given time. Works the same under the machine's clock and under the simulator's.
 */
export class Trial<Row, Reply> {
  readonly deployment: Deployment<Row, Reply>;
  /** Settles when everything accepted has been answered; rejects when the run could not go on. */
  readonly finished: Promise<RunResult>;
  readonly #options: TrialOptions<Row, Reply>;
  readonly #loop: ClosedLoop<Row>;
  readonly #reports: WindowReport[] = [];
  readonly #windows: RunWindow[] = [];
  readonly #changes: PointChange[] = [];
  readonly #notes: string[] = [];
  #startMs: number;
  #endTimer: TimerHandle | undefined;
  #awaitsSteady = false;
  #answered = 0;
  #failed = 0;
  #firstFailure: DnnScalerError | null = null;
  #abortedBy: DnnScalerError | null = null;
  #state: 'running' | 'stopping' | 'ended' = 'running';
  #resolve!: (result: RunResult) => void;
  #reject!: (error: DnnScalerError) => void;

  constructor(options: TrialOptions<Row, Reply>) {
    this.#options = options;
    const { engine, scaler, slo, clock, windows, meter } = options;
    this.#startMs = clock.nowMs();
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.deployment = new Deployment<Row, Reply>({
      engine,
      scaler,
      slo,
      clock,
      ...(windows && { windows }),
      ...(meter && { meter }),
      listener: this.#listen(options.listener ?? {}),
    });
    this.#loop = new ClosedLoop(
      options.source,
      (row, settled) => {
        this.deployment.submit(row, (error, reply) => {
          if (error === null) {
            this.#answered += 1;
            options.onReply?.(row, reply as Reply);
          } else this.#recordFailure(error);
          settled();
        });
      },
      () => {
        const { failure } = options.source;
        if (failure !== null) this.#abort(failure);
      },
    );
  }

  /** The windows closed so far. */
  get windows(): readonly RunWindow[] {
    return this.#windows;
  }

  /** Time since the first point took effect, in ms. */
  get elapsedMs(): number {
    return this.#options.clock.nowMs() - this.#startMs;
  }

  get isEnded(): boolean {
    return this.#state === 'ended';
  }

  start(): this {
    this.deployment.start((error) => {
      if (error !== null) {
        this.#state = 'ended';
        this.#reject(error);
        return;
      }
      if (this.#state !== 'running') return;
      this.#endTimer = this.#options.clock.setTimer(this.#options.durationMs, () => {
        this.#endOrGoOn();
      });
    });
    return this;
  }

  /** Starts, and resolves once it has finished and its engine is free for another. */
  async run(): Promise<RunResult> {
    try {
      return await this.start().finished;
    } finally {
      // It may have ended in the middle of a change.
      await this.deployment.whenStill();
    }
  }

  #endOrGoOn(): void {
    const { durationMs, steadyLimitMs = 0, clock } = this.#options;
    if (steadyLimitMs <= durationMs || this.#isSettled()) {
      this.stop();
      return;
    }
    this.#awaitsSteady = true;
    this.#endTimer = clock.setTimer(steadyLimitMs - durationMs, () => {
      this.stop();
    });
  }

  #isSettled(): boolean {
    return steadyStretch(this.#reports).settled;
  }

  /** Ends the run early, with what it has: no more rows are submitted, accepted ones are answered. */
  stop(): void {
    if (this.#state !== 'running') return;
    this.#state = 'stopping';
    const { clock } = this.#options;
    clock.clearTimer(this.#endTimer);
    const durationMs = this.elapsedMs;
    this.#loop.stop();
    this.deployment.drain(drainLimitMs, () => {
      this.#state = 'ended';
      if (this.#abortedBy === null) this.#resolve(this.#result(durationMs));
      else this.#reject(this.#abortedBy);
    });
  }

  #listen(outer: DeploymentListener): DeploymentListener {
    return {
      onWindow: (report) => {
        this.#reports.push(report);
        this.#windows.push(describeWindow(report, this.#startMs));
        outer.onWindow?.(report);
        if (this.#awaitsSteady && this.#isSettled()) this.stop();
      },
      onPoint: (point, tookMs, error) => {
        const nowMs = this.#options.clock.nowMs();
        if (this.#changes.length === 0) this.#startMs = nowMs;
        this.#changes.push({ timeMs: nowMs - this.#startMs, point, tookMs });
        if (error !== null) this.#note(error.message);
        outer.onPoint?.(point, tookMs, error);
        const { queuedBatches = 0 } = this.#options;
        this.#loop.setOutstanding(point.batchSize * point.instances * (1 + queuedBatches));
      },
      onHealth: (health) => {
        if (health.message !== undefined) this.#note(health.message);
        outer.onHealth?.(health);
      },
    };
  }

  #note(message: string): void {
    if (!this.#notes.includes(message)) this.#notes.push(message);
  }

  #recordFailure(error: DnnScalerError): void {
    this.#failed += 1;
    this.#firstFailure ??= error;
    if (this.#answered === 0 && this.#failed >= tolerableFirstFailures) this.#abort(error);
  }

  #abort(error: DnnScalerError): void {
    this.#abortedBy ??= toDnnScalerError(error);
    this.stop();
  }

  #result(durationMs: number): RunResult {
    const { engine, scaler, meter } = this.#options;
    const { slo } = this.deployment;
    const lowest: OperatingPoint = { batchSize: engine.limits.minBatchSize, instances: 1 };
    const notes = [...engine.limits.notes, ...this.#notes];
    if (this.#firstFailure !== null) {
      notes.push(`${this.#failed} requests failed, the first with: ${this.#firstFailure.message}`);
    }
    const lastPoint = this.deployment.point ?? lowest;
    const figures = steadyFigures(this.#reports, slo, lastPoint, meter?.name);
    if (figures.verdict === 'undecided') notes.push(this.#whyUndecided(slo));
    if (meter !== undefined && figures.power === null) {
      const why = meter.trouble ?? 'no sample fell into a window of steady state';
      notes.push(`power was not measured: ${why}`);
    }
    return {
      engine: engine.name,
      simulated: engine.simulated,
      scaler: scaler.name,
      approach: scaler.approach,
      profile: scaler.profile && {
        probes: scaler.profile.probes,
        tiBatchingPercent: scaler.profile.tiBatchingPercent,
        tiMultiTenancyPercent: scaler.profile.tiMultiTenancyPercent,
      },
      slo,
      ...figures,
      durationMs,
      requests: { answered: this.#answered, failed: this.#failed },
      windows: [...this.#windows],
      changes: [...this.#changes],
      notes,
    };
  }

  #whyUndecided(slo: Slo): string {
    const percentile = percentileName(slo.percentile);
    const calls = samplesFor(slo.percentile);
    const profile = this.#reports.length > 0 ? ', after profiling' : '';
    return `the run ended before a window that can claim ${percentile} was complete: run it for longer (it takes ${calls} calls${profile}; ${this.#answered} rows were answered in all)`;
  }
}

/** Runs a trial to its end. */
export function runTrial<Row, Reply>(options: TrialOptions<Row, Reply>): Promise<RunResult> {
  return new Trial(options).run();
}
