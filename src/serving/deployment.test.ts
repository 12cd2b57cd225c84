import { beforeEach, describe, expect, it } from 'vitest';
import type { EngineHealth } from '../engines/engine.ts';
import { DnnScalerError } from '../errors.ts';
import type { OperatingPoint } from '../operating-point.ts';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import { makeSlo } from '../slo.ts';
import type { WindowReport } from './deployment.ts';
import { Deployment } from './deployment.ts';
import { ManualEngine, ScriptedScaler } from './test-support.ts';

const one: OperatingPoint = { batchSize: 1, instances: 1 };

let clock: VirtualClock;
let engine: ManualEngine<number>;
let reports: WindowReport[];
let points: { point: OperatingPoint; tookMs: number; error: DnnScalerError | null }[];
let healths: EngineHealth[];
let outcomes: (number | string)[];

function deploy(scaler: ScriptedScaler): Deployment<number, number> {
  return new Deployment<number, number>({
    engine,
    scaler,
    slo: makeSlo(50),
    clock,
    listener: {
      onWindow: (report) => reports.push(report),
      onPoint: (point, tookMs, error) => points.push({ point, tookMs, error }),
      onHealth: (health) => healths.push(health),
    },
  });
}

function started(scaler = new ScriptedScaler([one])): Deployment<number, number> {
  const deployment = deploy(scaler);
  deployment.start((error) => {
    expect(error).toBeNull();
  });
  return deployment;
}

function submit(deployment: Deployment<number, number>, ...rows: number[]): void {
  for (const row of rows) {
    deployment.submit(row, (error, reply) => outcomes.push(error?.message ?? (reply as number)));
  }
}

/** Answers calls one by one, each after the given time, with a full batch always waiting. */
function serve(deployment: Deployment<number, number>, calls: number, callMs = 30): void {
  for (let i = 0; i < calls; i += 1) {
    while (engine.running.length === 0) submit(deployment, i);
    clock.runUntil(clock.nowMs() + callMs);
    engine.running[0]?.answer();
  }
}

beforeEach(() => {
  clock = new VirtualClock();
  engine = new ManualEngine<number>();
  reports = [];
  points = [];
  healths = [];
  outcomes = [];
});

describe('starting', () => {
  it('brings the engine to the first point and is then healthy', () => {
    const deployment = deploy(new ScriptedScaler([{ batchSize: 4, instances: 2 }]));
    expect(deployment.health).toEqual({ ready: false, message: 'not started' });
    expect(deployment.point).toBeNull();
    deployment.start(() => undefined);
    expect(engine.asked).toEqual([{ batchSize: 4, instances: 2 }]);
    expect(deployment.point).toEqual({ batchSize: 4, instances: 2 });
    expect(deployment.health).toEqual({ ready: true });
  });

  it('happens once', () => {
    const deployment = started();
    expect(() => {
      deployment.start(() => undefined);
    }).toThrow('a deployment starts only once');
  });

  it('refuses rows before, and queues them while the engine starts', () => {
    engine.holdsApply = true;
    const deployment = deploy(new ScriptedScaler([one]));
    submit(deployment, 1);
    expect(outcomes).toEqual(['the deployment is not started yet']);
    deployment.start(() => undefined);
    submit(deployment, 2);
    expect(deployment.unsettled).toBe(1);
    engine.endApply?.();
    engine.running[0]?.answer();
    expect(outcomes).toEqual(['the deployment is not started yet', 2]);
  });

  it('that fails says why, answers what was queued, and takes no more', () => {
    engine.holdsApply = true;
    const deployment = deploy(new ScriptedScaler([one]));
    let failure: DnnScalerError | null = null;
    deployment.start((error) => {
      failure = error;
    });
    submit(deployment, 1);
    engine.endApply?.(new DnnScalerError('resource-exhausted', 'no memory'), one);
    expect(failure).toMatchObject({ message: 'no memory' });
    expect(deployment.health).toEqual({ ready: false, message: 'no memory' });
    submit(deployment, 2);
    expect(outcomes).toEqual(['no memory', 'the deployment is closed, or closing']);
    expect(deployment.unsettled).toBe(0);
    let drained = 0;
    deployment.drain(1000, () => (drained += 1));
    expect(drained).toBe(1);
  });

  it('at less than what was asked for goes on there, and says so', () => {
    engine.holdsApply = true;
    const deployment = deploy(new ScriptedScaler([{ batchSize: 1, instances: 8 }]));
    deployment.start(() => undefined);
    clock.runUntil(700);
    engine.endApply?.(undefined, { batchSize: 1, instances: 3 });
    expect(points).toEqual([{ point: { batchSize: 1, instances: 3 }, tookMs: 700, error: null }]);
    expect(deployment.point).toEqual({ batchSize: 1, instances: 3 });
  });
});

describe('the loop', () => {
  it('shows the scaler windows that never straddle a change', () => {
    const scaler = new ScriptedScaler([one, { batchSize: 2, instances: 1 }, one]);
    const deployment = started(scaler);
    serve(deployment, 200);
    expect(scaler.observations.length).toBeGreaterThanOrEqual(4);
    expect(scaler.observations.map(({ point }) => point.batchSize).slice(0, 3)).toEqual([1, 2, 1]);
    for (const { sample, point } of reports) {
      expect(sample.rows).toBeLessThanOrEqual(sample.calls * point.batchSize);
    }
    expect(scaler.observations[2]?.calls).toBe(40);
  });

  it('leaves out the first call at each point, and calls of batches formed at another', () => {
    const scaler = new ScriptedScaler([one, { batchSize: 2, instances: 2 }]);
    const deployment = started(scaler);
    serve(deployment, 1, 900);
    serve(deployment, 39);
    expect(reports).toHaveLength(0);
    engine.holdsApply = true;
    serve(deployment, 1);
    expect(reports[0]?.sample).toMatchObject({ calls: 40, startMs: 900 });
    submit(deployment, 1);
    serve(deployment, 60);
    expect(reports).toHaveLength(1);
    engine.endApply?.();
    expect(deployment.point).toEqual({ batchSize: 2, instances: 2 });
  });

  it('does not ask the engine for a point that it is at, threads aside', () => {
    const withThreads = { ...one, threadsPerInstance: 4 };
    engine.holdsApply = true;
    const deployment = deploy(new ScriptedScaler([one, one, one]));
    deployment.start(() => undefined);
    engine.endApply?.(undefined, withThreads);
    serve(deployment, 90);
    expect(reports.length).toBeGreaterThanOrEqual(2);
    expect(engine.asked).toEqual([one]);
  });

  it('changes threads where the scaler asks for them', () => {
    const asked = { ...one, threadsPerInstance: 2 };
    engine.holdsApply = true;
    const deployment = deploy(new ScriptedScaler([one, asked]));
    deployment.start(() => undefined);
    engine.endApply?.(undefined, { ...one, threadsPerInstance: 4 });
    serve(deployment, 41);
    expect(engine.asked).toEqual([one, asked]);
  });

  it('goes on where the engine got to when a change fails, and says why', () => {
    const scaler = new ScriptedScaler([one, { batchSize: 1, instances: 4 }]);
    const deployment = started(scaler);
    engine.holdsApply = true;
    serve(deployment, 41);
    const error = new DnnScalerError('resource-exhausted', 'no memory for a second instance');
    engine.endApply?.(error, one);
    expect(points.at(-1)).toMatchObject({ point: one, error });
    serve(deployment, 41);
    expect(scaler.observations.at(-1)?.point).toEqual(one);
  });

  it('answers rows while the engine changes', () => {
    const deployment = started(new ScriptedScaler([one, { batchSize: 1, instances: 2 }]));
    engine.holdsApply = true;
    serve(deployment, 41);
    expect(engine.endApply).toBeDefined();
    const before = outcomes.length;
    serve(deployment, 5);
    expect(outcomes.length).toBe(before + 5);
  });

  it('follows a change of the SLO from the next decision on', () => {
    const scaler = new ScriptedScaler([one]);
    const deployment = started(scaler);
    serve(deployment, 20);
    deployment.setSlo(makeSlo(20, 0.99));
    expect(deployment.slo.limitMs).toBe(20);
    serve(deployment, 300);
    expect(scaler.observations[0]?.slo).toEqual(makeSlo(20, 0.99));
    expect(reports[0]?.sample.withinSlo).toBe(0);
    expect(reports[0]?.slo.limitMs).toBe(20);
  });

  it('leaves a point at which every call fails', () => {
    const scaler = new ScriptedScaler([one, { batchSize: 2, instances: 1 }, one]);
    const deployment = started(scaler);
    serve(deployment, 41);
    for (let i = 0; i < 50 && deployment.point?.batchSize === 2; i += 1) {
      submit(deployment, 1, 2);
      clock.runUntil(clock.nowMs() + 100);
      engine.running[0]?.end('failed', 'bad shape');
    }
    expect(scaler.observations[1]).toMatchObject({ calls: 0, rows: 0 });
    expect(scaler.observations[1]?.errors).toBeGreaterThanOrEqual(16);
    expect(deployment.point).toEqual(one);
  });

  it('passes on what the engine says of its health', () => {
    const deployment = started();
    const sick = { ready: false, message: 'instance 1 hangs' } as const;
    engine.listener?.onHealth(sick);
    expect(deployment.health).toEqual(sick);
    expect(healths).toEqual([sick]);
  });
});

describe('draining', () => {
  let drained: number;
  const onDrained = (): void => {
    drained += 1;
  };

  beforeEach(() => {
    drained = 0;
  });

  it('answers everything accepted, takes no more, then says so', () => {
    const deployment = started();
    submit(deployment, 1, 2);
    deployment.drain(1000, onDrained);
    submit(deployment, 3);
    expect(outcomes).toEqual(['the deployment is closed, or closing']);
    engine.running[0]?.answer();
    expect(drained).toBe(0);
    engine.running[0]?.answer();
    expect(outcomes).toEqual(['the deployment is closed, or closing', 1, 2]);
    expect(drained).toBe(1);
  });

  it('is over at once when nothing waits, and may be asked for again', () => {
    const deployment = started();
    deployment.drain(1000, onDrained);
    deployment.drain(1000, onDrained);
    expect(drained).toBe(2);
  });

  it('asked for twice answers both', () => {
    const deployment = started();
    submit(deployment, 1);
    deployment.drain(1000, onDrained);
    deployment.drain(1000, onDrained);
    engine.running[0]?.answer();
    expect(drained).toBe(2);
  });

  it('holds no batch back: no more rows will come to fill it', () => {
    const deployment = started(new ScriptedScaler([{ batchSize: 8, instances: 1 }]));
    submit(deployment, 1);
    expect(engine.running).toHaveLength(0);
    deployment.drain(1000, onDrained);
    expect(engine.running).toHaveLength(1);
  });

  it('ends although an instance never comes back: rows left over get an error', () => {
    const deployment = started();
    submit(deployment, 1, 2);
    engine.running[0]?.end('instance-lost');
    deployment.drain(1000, onDrained);
    clock.runUntil(999);
    expect(drained).toBe(0);
    clock.runUntil(1000);
    expect(outcomes).toEqual([
      'not answered within 1000 ms of shutting down',
      'not answered within 1000 ms of shutting down',
    ]);
    expect(drained).toBe(1);
  });

  it('ends although the last instance dies after the limit', () => {
    const deployment = started();
    submit(deployment, 1);
    deployment.drain(1000, onDrained);
    clock.runUntil(5000);
    expect(drained).toBe(0);
    engine.running[0]?.end('instance-lost', 'it died');
    expect(outcomes).toEqual(['it died']);
    expect(drained).toBe(1);
  });

  it('ends while a change of the point is pending, and is not undone by it', () => {
    const deployment = started(new ScriptedScaler([one, { batchSize: 1, instances: 2 }]));
    engine.holdsApply = true;
    serve(deployment, 41);
    submit(deployment, 7);
    deployment.drain(1000, onDrained);
    engine.running[0]?.answer();
    expect(drained).toBe(1);
    engine.endApply?.();
    submit(deployment, 8);
    expect(outcomes.at(-1)).toBe('the deployment is closed, or closing');
  });

  it('answers rows by the instances that a pending change brings', () => {
    engine.holdsApply = true;
    const deployment = deploy(new ScriptedScaler([one]));
    deployment.start(() => undefined);
    submit(deployment, 1);
    deployment.drain(1000, onDrained);
    engine.endApply?.();
    engine.running[0]?.answer();
    expect(outcomes).toEqual([1]);
    expect(drained).toBe(1);
  });

  it('of a deployment that never started is over at once', () => {
    deploy(new ScriptedScaler([one])).drain(1000, onDrained);
    expect(drained).toBe(1);
  });
});

describe('infer', () => {
  it('is submit as a promise', async () => {
    const deployment = started();
    const reply = deployment.infer(5);
    engine.running[0]?.answer();
    expect(await reply).toBe(5);
    const failing = deployment.infer(6);
    engine.running[0]?.end('failed', 'no good');
    await expect(failing).rejects.toThrow('no good');
  });
});
