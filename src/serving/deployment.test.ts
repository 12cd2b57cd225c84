import { beforeEach, describe, expect, it } from 'vitest';
import { DnnScalerError } from '../errors.ts';
import type { OperatingPoint } from '../operating-point.ts';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import { makeSlo } from '../slo.ts';
import { DeploymentBench, ScriptedScaler } from './test-support.ts';

const one: OperatingPoint = { batchSize: 1, instances: 1 };

let bench: DeploymentBench;

beforeEach(() => {
  bench = new DeploymentBench(new VirtualClock());
});

describe('starting', () => {
  it('brings the bench.engine to the first point and is then healthy', () => {
    const deployment = bench.deploy(new ScriptedScaler([{ batchSize: 4, instances: 2 }]));
    expect(deployment.health).toEqual({ ready: false, message: 'not started' });
    expect(deployment.point).toBeNull();
    deployment.start(() => undefined);
    expect(bench.engine.asked).toEqual([{ batchSize: 4, instances: 2 }]);
    expect(deployment.point).toEqual({ batchSize: 4, instances: 2 });
    expect(deployment.health).toEqual({ ready: true });
  });

  it('happens once', () => {
    const deployment = bench.started();
    expect(() => {
      deployment.start(() => undefined);
    }).toThrow('a deployment starts only once');
  });

  it('refuses rows before, and queues them while the bench.engine starts', () => {
    bench.engine.holdsApply = true;
    const deployment = bench.deploy(new ScriptedScaler([one]));
    bench.submit(deployment, 1);
    expect(bench.outcomes).toEqual(['the deployment is not started yet']);
    deployment.start(() => undefined);
    bench.submit(deployment, 2);
    expect(deployment.unsettled).toBe(1);
    bench.engine.endApply?.();
    bench.engine.running[0]?.answer();
    expect(bench.outcomes).toEqual(['the deployment is not started yet', 2]);
  });

  it('that fails says why, answers what was queued, and takes no more', () => {
    bench.engine.holdsApply = true;
    const deployment = bench.deploy(new ScriptedScaler([one]));
    let failure: DnnScalerError | null = null;
    deployment.start((error) => {
      failure = error;
    });
    bench.submit(deployment, 1);
    bench.engine.endApply?.(new DnnScalerError('resource-exhausted', 'no memory'), one);
    expect(failure).toMatchObject({ message: 'no memory' });
    expect(deployment.health).toEqual({ ready: false, message: 'no memory' });
    bench.submit(deployment, 2);
    expect(bench.outcomes).toEqual(['no memory', 'the deployment is closed, or closing']);
    expect(deployment.unsettled).toBe(0);
    let drained = 0;
    deployment.drain(1000, () => (drained += 1));
    expect(drained).toBe(1);
  });

  it('at less than what was asked for goes on there, and says so', () => {
    bench.engine.holdsApply = true;
    const deployment = bench.deploy(new ScriptedScaler([{ batchSize: 1, instances: 8 }]));
    deployment.start(() => undefined);
    bench.clock.runUntil(700);
    bench.engine.endApply?.(undefined, { batchSize: 1, instances: 3 });
    expect(bench.points).toEqual([
      { point: { batchSize: 1, instances: 3 }, tookMs: 700, error: null },
    ]);
    expect(deployment.point).toEqual({ batchSize: 1, instances: 3 });
  });
});

describe('the loop', () => {
  it('shows the scaler windows that never straddle a change', () => {
    const scaler = new ScriptedScaler([one, { batchSize: 2, instances: 1 }, one]);
    const deployment = bench.started(scaler);
    bench.serve(deployment, 200);
    expect(scaler.observations.length).toBeGreaterThanOrEqual(4);
    expect(scaler.observations.map(({ point }) => point.batchSize).slice(0, 3)).toEqual([1, 2, 1]);
    for (const { sample, point } of bench.reports) {
      expect(sample.rows).toBeLessThanOrEqual(sample.calls * point.batchSize);
    }
    expect(scaler.observations[2]?.calls).toBe(40);
  });

  it('leaves out the first call at each point, and calls of batches formed at another', () => {
    const scaler = new ScriptedScaler([one, { batchSize: 2, instances: 2 }]);
    const deployment = bench.started(scaler);
    bench.serve(deployment, 1, 900);
    bench.serve(deployment, 39);
    expect(bench.reports).toHaveLength(0);
    bench.engine.holdsApply = true;
    bench.serve(deployment, 1);
    expect(bench.reports[0]?.sample).toMatchObject({ calls: 40, startMs: 900 });
    bench.submit(deployment, 1);
    bench.serve(deployment, 60);
    expect(bench.reports).toHaveLength(1);
    bench.engine.endApply?.();
    expect(deployment.point).toEqual({ batchSize: 2, instances: 2 });
  });

  it('does not ask the bench.engine for a point that it is at, threads aside', () => {
    const withThreads = { ...one, threadsPerInstance: 4 };
    bench.engine.holdsApply = true;
    const deployment = bench.deploy(new ScriptedScaler([one, one, one]));
    deployment.start(() => undefined);
    bench.engine.endApply?.(undefined, withThreads);
    bench.serve(deployment, 90);
    expect(bench.reports.length).toBeGreaterThanOrEqual(2);
    expect(bench.engine.asked).toEqual([one]);
  });

  it('changes threads where the scaler asks for them', () => {
    const asked = { ...one, threadsPerInstance: 2 };
    bench.engine.holdsApply = true;
    const deployment = bench.deploy(new ScriptedScaler([one, asked]));
    deployment.start(() => undefined);
    bench.engine.endApply?.(undefined, { ...one, threadsPerInstance: 4 });
    bench.serve(deployment, 41);
    expect(bench.engine.asked).toEqual([one, asked]);
  });

  it('goes on where the bench.engine got to when a change fails, and says why', () => {
    const scaler = new ScriptedScaler([one, { batchSize: 1, instances: 4 }]);
    const deployment = bench.started(scaler);
    bench.engine.holdsApply = true;
    bench.serve(deployment, 41);
    const error = new DnnScalerError('resource-exhausted', 'no memory for a second instance');
    bench.engine.endApply?.(error, one);
    expect(bench.points.at(-1)).toMatchObject({ point: one, error });
    bench.serve(deployment, 41);
    expect(scaler.observations.at(-1)?.point).toEqual(one);
  });

  it('answers rows while the bench.engine changes', () => {
    const deployment = bench.started(new ScriptedScaler([one, { batchSize: 1, instances: 2 }]));
    bench.engine.holdsApply = true;
    bench.serve(deployment, 41);
    expect(bench.engine.endApply).toBeDefined();
    const before = bench.outcomes.length;
    bench.serve(deployment, 5);
    expect(bench.outcomes.length).toBe(before + 5);
  });

  it('follows a change of the SLO from the next decision on', () => {
    const scaler = new ScriptedScaler([one]);
    const deployment = bench.started(scaler);
    bench.serve(deployment, 20);
    deployment.setSlo(makeSlo(20, 0.99));
    expect(deployment.slo.limitMs).toBe(20);
    bench.serve(deployment, 300);
    expect(scaler.observations[0]?.slo).toEqual(makeSlo(20, 0.99));
    expect(bench.reports[0]?.sample.withinSlo).toBe(0);
    expect(bench.reports[0]?.slo.limitMs).toBe(20);
  });

  it('leaves a point at which every call fails', () => {
    const scaler = new ScriptedScaler([one, { batchSize: 2, instances: 1 }, one]);
    const deployment = bench.started(scaler);
    bench.serve(deployment, 41);
    for (let i = 0; i < 50 && deployment.point?.batchSize === 2; i += 1) {
      bench.submit(deployment, 1, 2);
      bench.clock.runUntil(bench.clock.nowMs() + 100);
      bench.engine.running[0]?.end('failed', 'bad shape');
    }
    expect(scaler.observations[1]).toMatchObject({ calls: 0, rows: 0 });
    expect(scaler.observations[1]?.errors).toBeGreaterThanOrEqual(16);
    expect(deployment.point).toEqual(one);
  });

  it('passes on what the bench.engine says of its health', () => {
    const deployment = bench.started();
    const sick = { ready: false, message: 'instance 1 hangs' } as const;
    bench.engine.listener?.onHealth(sick);
    expect(deployment.health).toEqual(sick);
    expect(bench.healths).toEqual([sick]);
  });
});

describe('infer', () => {
  it('is submit as a promise', async () => {
    const deployment = bench.started();
    const reply = deployment.infer(5);
    bench.engine.running[0]?.answer();
    expect(await reply).toBe(5);
    const failing = deployment.infer(6);
    bench.engine.running[0]?.end('failed', 'no good');
    await expect(failing).rejects.toThrow('no good');
  });
});

describe('another deployment on the same engine', () => {
  it('may begin once a change that outlives the first has come to its end', async () => {
    const scaler = new ScriptedScaler([
      { batchSize: 1, instances: 1 },
      { batchSize: 1, instances: 2 },
    ]);
    const deployment = bench.started(scaler);
    await deployment.whenStill();
    bench.engine.holdsApply = true;
    bench.serve(deployment, 50);
    let isStill = false;
    const still = deployment.whenStill().then(() => (isStill = true));
    await new Promise<void>((resolve) => {
      deployment.drain(1000, resolve);
    });
    expect(isStill).toBe(false);
    bench.engine.endApply?.();
    await still;
    expect(isStill).toBe(true);
  });
});
