import type { Clock } from '../clock.ts';
import type { Engine, EngineLimits, EngineListener, RunOutcome } from '../engines/engine.ts';
import { DnnScalerError } from '../errors.ts';
import type { OperatingPoint } from '../operating-point.ts';
import { clampPoint } from '../operating-point.ts';
import { Random } from '../random.ts';
import { SimulatedMeter } from './simulated-meter.ts';
import type { PowerLaw } from './simulated-meter.ts';

/** Latency in ms of one call of `rows` rows while `busyInstances` (itself included) are running. */
export type ServiceLaw = (rows: number, busyInstances: number) => number;

/** What may go wrong or differ from the law; everything is drawn from the engine's seed. */
export interface Imperfections<Row> {
  /** Sigma of the lognormal noise on each call, with median 1; default 0. */
  readonly noiseSigma?: number;
  /** Multiplies service times, by virtual time in ms; default 1. */
  readonly slowdownAt?: (nowMs: number) => number;
  /** Multiplies the first call of an instance after a change of the point; default 1. */
  readonly firstCallFactor?: number;
  /** Time to start an instance, in ms; default 0. */
  readonly startMs?: number;
  /** Chance that an instance dies under a call, 0..1; default 0. */
  readonly crashChance?: number;
  /** Time until a dead instance is back, in ms; default 1000. */
  readonly restartMs?: number;
  /** Chance that a call hangs, 0..1; default 0. */
  readonly hangChance?: number;
  /** When a hung call is given up and its instance restarted, in ms; default 30,000. */
  readonly runLimitMs?: number;
  /** A row that kills every instance that runs it. */
  readonly isDeadly?: (row: Row) => boolean;
  /** Most instances that really start, whatever is asked for (memory, say). */
  readonly reachableInstances?: number;
}

export interface SimulatedEngineOptions<Row> extends Imperfections<Row> {
  /** For people: whose latencies these are. */
  readonly name: string;
  readonly clock: Clock;
  readonly law: ServiceLaw;
  /** Absent where power is not known. */
  readonly powerLaw?: PowerLaw | undefined;
  readonly maxBatchSize: number;
  readonly maxInstances: number;
  /** Default 1. */
  readonly minBatchSize?: number;
  /** The point reached when one within the limits is asked for; default: that one. */
  readonly reach?: (point: OperatingPoint) => OperatingPoint;
  /** Why the limits are what they are, in sentences for people. */
  readonly notes?: readonly string[];
  readonly seed?: number;
}

interface SimulatedInstance {
  state: 'free' | 'busy' | 'down' | 'retired';
  retiring: boolean;
  isFirstCall: boolean;
}

/**
 * An engine whose calls take the time that a law says. It answers each row with itself, so that a
 * test can tell whose reply it got.
 */
export class SimulatedEngine<Row> implements Engine<Row, Row> {
  readonly name: string;
  readonly simulated = true;
  readonly limits: EngineLimits;
  /** Present where the power of the machine is known. */
  readonly meter: SimulatedMeter | undefined;
  readonly #options: SimulatedEngineOptions<Row>;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #law: ServiceLaw;
  #instances: SimulatedInstance[] = [];
  #free = 0;
  #busy = 0;
  /** Of the call that began last. */
  #rows = 1;
  #listener: EngineListener | undefined;
  #onDrained: (() => void) | undefined;

  constructor(options: SimulatedEngineOptions<Row>) {
    this.name = options.name;
    this.limits = {
      minBatchSize: options.minBatchSize ?? 1,
      maxBatchSize: options.maxBatchSize,
      maxInstances: options.maxInstances,
      notes: options.notes ?? [],
    };
    this.#options = options;
    this.#clock = options.clock;
    this.#random = new Random(options.seed ?? 1);
    this.#law = options.law;
    const { powerLaw } = options;
    this.meter = powerLaw && new SimulatedMeter(options.clock, powerLaw);
  }

  get freeInstances(): number {
    return this.#free;
  }

  listen(listener: EngineListener): void {
    this.#listener = listener;
  }

  apply(
    asked: OperatingPoint,
    done: (error: DnnScalerError | null, reached: OperatingPoint) => void,
  ): void {
    const { reachableInstances = Number.POSITIVE_INFINITY, startMs = 0, reach } = this.#options;
    const allowed = clampPoint(
      { batchSize: asked.batchSize, instances: Math.min(asked.instances, reachableInstances) },
      this.limits,
    );
    const point = reach === undefined ? allowed : reach(allowed);
    const finish = (): void => {
      for (const instance of this.#instances) instance.isFirstCall = true;
      done(null, point);
    };
    const missing = point.instances - this.#instances.length;
    if (missing > 0) {
      this.#clock.setTimer(startMs, () => {
        for (let i = 0; i < missing; i += 1) {
          this.#instances.push({ state: 'free', retiring: false, isFirstCall: true });
          this.#free += 1;
        }
        finish();
        this.#listener?.onCapacity();
      });
    } else if (missing < 0) {
      this.#retire(-missing, finish);
    } else {
      finish();
    }
  }

  run(rows: readonly Row[], done: (outcome: RunOutcome<Row>) => void): void {
    const instance = this.#instances.find((candidate) => candidate.state === 'free');
    if (instance === undefined) throw new DnnScalerError('internal', 'no instance is free');
    instance.state = 'busy';
    this.#free -= 1;
    this.#busy += 1;
    this.#rows = rows.length;
    this.meter?.set(this.#rows, this.#busy);
    const options = this.#options;
    const durationMs = this.#durationMs(rows.length, instance);
    const isDeadly = options.isDeadly;
    if (this.#strikes(options.crashChance) || (isDeadly !== undefined && rows.some(isDeadly))) {
      const error = new DnnScalerError('unavailable', 'the instance died under this batch');
      this.#fail(instance, durationMs / 2, { kind: 'instance-lost', error }, done);
    } else if (this.#strikes(options.hangChance)) {
      const error = new DnnScalerError('deadline-exceeded', 'the call passed its limit');
      this.#fail(instance, options.runLimitMs ?? 30_000, { kind: 'timed-out', error }, done);
    } else {
      this.#clock.setTimer(durationMs, () => {
        this.#release(instance);
        done({ kind: 'done', replies: { replyAt: (index) => rows[index] as Row } });
      });
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #durationMs(rows: number, instance: SimulatedInstance): number {
    const { noiseSigma = 0, slowdownAt, firstCallFactor = 1 } = this.#options;
    let durationMs = this.#law(rows, this.#busy);
    if (noiseSigma > 0) durationMs *= Math.exp(noiseSigma * this.#random.normal());
    if (slowdownAt !== undefined) durationMs *= slowdownAt(this.#clock.nowMs());
    if (instance.isFirstCall) {
      instance.isFirstCall = false;
      durationMs *= firstCallFactor;
    }
    return durationMs;
  }

  #strikes(chance: number | undefined): boolean {
    return chance !== undefined && chance > 0 && this.#random.next() < chance;
  }

  #fail(
    instance: SimulatedInstance,
    afterMs: number,
    outcome: RunOutcome<Row>,
    done: (outcome: RunOutcome<Row>) => void,
  ): void {
    this.#clock.setTimer(afterMs, () => {
      this.#endCall();
      instance.state = 'down';
      if (instance.retiring) this.#remove(instance);
      else {
        this.#clock.setTimer(this.#options.restartMs ?? 1000, () => {
          this.#revive(instance);
        });
      }
      done(outcome);
    });
  }

  #revive(instance: SimulatedInstance): void {
    if (instance.retiring) {
      if (instance.state !== 'retired') this.#remove(instance);
      return;
    }
    instance.state = 'free';
    instance.isFirstCall = true;
    this.#free += 1;
    this.#listener?.onCapacity();
  }

  /** What still runs is taken to run as many rows as the call that began last. */
  #endCall(): void {
    this.#busy -= 1;
    this.meter?.set(this.#rows, this.#busy);
  }

  #release(instance: SimulatedInstance): void {
    this.#endCall();
    if (instance.retiring) {
      this.#remove(instance);
      return;
    }
    instance.state = 'free';
    this.#free += 1;
  }

  /** Takes instances away: idle and dead ones at once, busy ones when their call ends. */
  #retire(surplus: number, drained: () => void): void {
    const order = { down: 0, free: 1, busy: 2, retired: 3 } as const;
    const chosen = [...this.#instances]
      .sort((a, b) => order[a.state] - order[b.state])
      .slice(0, surplus);
    for (const instance of chosen) {
      instance.retiring = true;
      if (instance.state === 'free') this.#free -= 1;
      if (instance.state !== 'busy') this.#remove(instance);
    }
    if (this.#instances.some((instance) => instance.retiring)) this.#onDrained = drained;
    else drained();
  }

  #remove(instance: SimulatedInstance): void {
    instance.state = 'retired';
    this.#instances = this.#instances.filter((other) => other !== instance);
    if (this.#onDrained === undefined || this.#instances.some((other) => other.retiring)) return;
    const drained = this.#onDrained;
    this.#onDrained = undefined;
    drained();
  }
}
