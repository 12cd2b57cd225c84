import type { Clock } from '../clock.ts';
import type {
  Engine,
  EngineHealth,
  EngineLimits,
  EngineListener,
  RunOutcome,
} from '../engines/engine.ts';
import { DnnScalerError } from '../errors.ts';
import type { OperatingPoint } from '../operating-point.ts';
import type { Decision, Observation, Scaler } from '../scaling/scaler.ts';
import { makeSlo } from '../slo.ts';
import type { WindowReport } from './deployment.ts';
import { Deployment } from './deployment.ts';

export interface ManualCall<Row> {
  readonly rows: readonly Row[];
  /** Ends the call: every row is answered with itself. */
  answer(runMs?: number): void;
  end(kind: 'failed' | 'instance-lost' | 'timed-out', message?: string): void;
}

/** An engine that does nothing until it is told to; it answers rows with themselves. */
export class ManualEngine<Row> implements Engine<Row, Row> {
  readonly name = 'manual';
  readonly simulated = true;
  readonly limits: EngineLimits = {
    minBatchSize: 1,
    maxBatchSize: 128,
    maxInstances: 10,
    notes: ['nothing is limited'],
  };
  freeInstances = 0;
  batchKey: ((row: Row) => string) | undefined;
  prefetchRoom = 0;
  /** Calls that were handed over ahead of time; the next instance that ends its call begins the first. */
  readonly waiting: ManualCall<Row>[] = [];
  readonly #starts = new Map<ManualCall<Row>, () => void>();
  /** Calls that have not ended, oldest first. */
  readonly running: ManualCall<Row>[] = [];
  readonly asked: OperatingPoint[] = [];
  listener: EngineListener | undefined;
  /** Set to keep `apply` from ending by itself; call it to let it end. */
  holdsApply = false;
  endApply: ((error?: DnnScalerError, reached?: OperatingPoint) => void) | undefined;

  listen(listener: EngineListener): void {
    this.listener = listener;
  }

  apply(
    point: OperatingPoint,
    done: (error: DnnScalerError | null, reached: OperatingPoint) => void,
  ): void {
    this.asked.push(point);
    const end = (error?: DnnScalerError, reached = point): void => {
      this.freeInstances = reached.instances - this.running.length;
      done(error ?? null, reached);
    };
    if (this.holdsApply) this.endApply = end;
    else end();
  }

  run(rows: readonly Row[], done: (outcome: RunOutcome<Row>) => void, started?: () => void): void {
    const isAhead = this.freeInstances <= 0;
    if (isAhead && this.prefetchRoom <= 0) throw new Error('no instance is free');
    const end = (outcome: RunOutcome<Row>, survives: boolean): void => {
      const at = this.running.indexOf(call);
      if (at < 0) this.waiting.splice(this.waiting.indexOf(call), 1);
      else this.running.splice(at, 1);
      if (survives) this.#endedOne();
      done(outcome);
    };
    const call: ManualCall<Row> = {
      rows,
      answer: (runMs) => {
        const replies = { replyAt: (index: number) => rows[index] as Row };
        end({ kind: 'done', replies, ...(runMs !== undefined && { runMs }) }, true);
      },
      end: (kind, message = kind) => {
        end({ kind, error: new DnnScalerError('unavailable', message) }, kind === 'failed');
      },
    };
    if (isAhead) {
      this.prefetchRoom -= 1;
      this.waiting.push(call);
      this.#starts.set(call, started ?? (() => undefined));
      return;
    }
    this.freeInstances -= 1;
    this.running.push(call);
  }

  #endedOne(): void {
    const next = this.waiting.shift();
    if (next === undefined) {
      this.freeInstances += 1;
      return;
    }
    this.running.push(next);
    this.prefetchRoom += 1;
    this.#starts.get(next)?.();
  }

  /** Brings lost instances back. */
  revive(instances = 1): void {
    this.freeInstances += instances;
    this.listener?.onCapacity();
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** Goes where it is told, one point for each window, and keeps what it was shown. */
export class ScriptedScaler implements Scaler {
  readonly name = 'scripted';
  readonly approach = null;
  readonly profile = null;
  wants: 'percentile' | 'throughput';
  readonly observations: Observation[] = [];
  readonly #points: readonly OperatingPoint[];

  constructor(
    points: readonly OperatingPoint[],
    wants: 'percentile' | 'throughput' = 'percentile',
  ) {
    this.#points = points;
    this.wants = wants;
  }

  first(): OperatingPoint {
    return this.#points[0] as OperatingPoint;
  }

  decide(observation: Observation): Decision {
    this.observations.push(observation);
    const point = this.#points[this.observations.length] ?? observation.point;
    const kind = point === observation.point ? 'hold' : 'move';
    return { point, kind, reason: 'as scripted' };
  }
}

/** A clock that a test moves on. */
export interface TestClock extends Clock {
  runUntil(untilMs: number): void;
}

/** A deployment on a manual engine, under an SLO of 50 ms, and everything that it says. */
export class DeploymentBench {
  readonly clock: TestClock;
  readonly engine = new ManualEngine<number>();
  readonly reports: WindowReport[] = [];
  readonly points: {
    readonly point: OperatingPoint;
    readonly tookMs: number;
    readonly error: DnnScalerError | null;
  }[] = [];
  readonly healths: EngineHealth[] = [];
  /** What became of the rows submitted, in order: the reply, or the message of the error. */
  readonly outcomes: (number | string)[] = [];

  constructor(clock: TestClock) {
    this.clock = clock;
  }

  deploy(scaler: Scaler): Deployment<number, number> {
    return new Deployment<number, number>({
      engine: this.engine,
      scaler,
      slo: makeSlo(50),
      clock: this.clock,
      listener: {
        onWindow: (report) => this.reports.push(report),
        onPoint: (point, tookMs, error) => this.points.push({ point, tookMs, error }),
        onHealth: (health) => this.healths.push(health),
      },
    });
  }

  /** A deployment that has started, at (1,1) unless told. */
  started(
    scaler: Scaler = new ScriptedScaler([{ batchSize: 1, instances: 1 }]),
  ): Deployment<number, number> {
    const deployment = this.deploy(scaler);
    deployment.start((error) => {
      if (error !== null) throw error;
    });
    return deployment;
  }

  submit(deployment: Deployment<number, number>, ...rows: number[]): void {
    for (const row of rows) {
      deployment.submit(row, (error, reply) => {
        this.outcomes.push(error?.message ?? (reply as number));
      });
    }
  }

  /** Answers calls one by one, each after the given time, with rows enough to fill them. */
  serve(deployment: Deployment<number, number>, calls: number, callMs = 30): void {
    for (let i = 0; i < calls; i += 1) {
      while (this.engine.running.length === 0) this.submit(deployment, i);
      this.clock.runUntil(this.clock.nowMs() + callMs);
      this.engine.running[0]?.answer();
    }
  }
}
