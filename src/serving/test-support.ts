import type { Engine, EngineLimits, EngineListener, RunOutcome } from '../engines/engine.ts';
import { DnnScalerError } from '../errors.ts';
import type { OperatingPoint } from '../operating-point.ts';
import type { Decision, Observation, Scaler } from '../scaling/scaler.ts';

export interface ManualCall<Row> {
  readonly rows: readonly Row[];
  /** Ends the call: every row is answered with itself. */
  answer(): void;
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

  run(rows: readonly Row[], done: (outcome: RunOutcome<Row>) => void): void {
    if (this.freeInstances <= 0) throw new Error('no instance is free');
    this.freeInstances -= 1;
    const end = (outcome: RunOutcome<Row>, survives: boolean): void => {
      this.running.splice(this.running.indexOf(call), 1);
      if (survives) this.freeInstances += 1;
      done(outcome);
    };
    const call: ManualCall<Row> = {
      rows,
      answer: () => {
        end({ kind: 'done', replies: { replyAt: (index) => rows[index] as Row } }, true);
      },
      end: (kind, message = kind) => {
        end({ kind, error: new DnnScalerError('unavailable', message) }, kind === 'failed');
      },
    };
    this.running.push(call);
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
