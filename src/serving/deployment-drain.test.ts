import { beforeEach, describe, expect, it } from 'vitest';
import type { OperatingPoint } from '../operating-point.ts';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import { makeSlo } from '../slo.ts';
import { Deployment } from './deployment.ts';
import { DeploymentBench, ScriptedScaler } from './test-support.ts';

const one: OperatingPoint = { batchSize: 1, instances: 1 };

let bench: DeploymentBench;

beforeEach(() => {
  bench = new DeploymentBench(new VirtualClock());
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
    const deployment = bench.started();
    bench.submit(deployment, 1, 2);
    deployment.drain(1000, onDrained);
    bench.submit(deployment, 3);
    expect(bench.outcomes).toEqual(['the deployment is closed, or closing']);
    bench.engine.running[0]?.answer();
    expect(drained).toBe(0);
    bench.engine.running[0]?.answer();
    expect(bench.outcomes).toEqual(['the deployment is closed, or closing', 1, 2]);
    expect(drained).toBe(1);
  });

  it('is over at once when nothing waits, and may be asked for again', () => {
    const deployment = bench.started();
    deployment.drain(1000, onDrained);
    deployment.drain(1000, onDrained);
    expect(drained).toBe(2);
  });

  it('asked for twice answers both', () => {
    const deployment = bench.started();
    bench.submit(deployment, 1);
    deployment.drain(1000, onDrained);
    deployment.drain(1000, onDrained);
    bench.engine.running[0]?.answer();
    expect(drained).toBe(2);
  });

  it('holds no batch back: no more rows will come to fill it', () => {
    const deployment = bench.started(new ScriptedScaler([{ batchSize: 8, instances: 1 }]));
    bench.submit(deployment, 1);
    expect(bench.engine.running).toHaveLength(0);
    deployment.drain(1000, onDrained);
    expect(bench.engine.running).toHaveLength(1);
  });

  it('ends although an instance never comes back: rows left over get an error', () => {
    const deployment = bench.started();
    bench.submit(deployment, 1, 2);
    bench.engine.running[0]?.end('instance-lost');
    deployment.drain(1000, onDrained);
    bench.clock.runUntil(999);
    expect(drained).toBe(0);
    bench.clock.runUntil(1000);
    expect(bench.outcomes).toEqual([
      'not answered within 1000 ms of shutting down',
      'not answered within 1000 ms of shutting down',
    ]);
    expect(drained).toBe(1);
  });

  it('ends although the last instance dies after the limit', () => {
    const deployment = bench.started();
    bench.submit(deployment, 1);
    deployment.drain(1000, onDrained);
    bench.clock.runUntil(5000);
    expect(drained).toBe(0);
    bench.engine.running[0]?.end('instance-lost', 'it died');
    expect(bench.outcomes).toEqual(['it died']);
    expect(drained).toBe(1);
  });

  it('ends while a change of the point is pending, and is not undone by it', () => {
    const deployment = bench.started(new ScriptedScaler([one, { batchSize: 1, instances: 2 }]));
    bench.engine.holdsApply = true;
    bench.serve(deployment, 41);
    bench.submit(deployment, 7);
    deployment.drain(1000, onDrained);
    bench.engine.running[0]?.answer();
    expect(drained).toBe(1);
    bench.engine.endApply?.();
    bench.submit(deployment, 8);
    expect(bench.outcomes.at(-1)).toBe('the deployment is closed, or closing');
  });

  it('begun by a listener goes before the move that it was told of', () => {
    const scaler = new ScriptedScaler([one, { batchSize: 1, instances: 2 }]);
    const deployment: Deployment<number, number> = new Deployment<number, number>({
      engine: bench.engine,
      scaler,
      slo: makeSlo(50),
      clock: bench.clock,
      listener: {
        onWindow: () => {
          deployment.drain(1000, onDrained);
        },
      },
    });
    deployment.start(() => undefined);
    bench.serve(deployment, 41);
    expect(drained).toBe(1);
    expect(bench.engine.asked).toEqual([one]);
  });

  it('answers rows by the instances that a pending change brings', () => {
    bench.engine.holdsApply = true;
    const deployment = bench.deploy(new ScriptedScaler([one]));
    deployment.start(() => undefined);
    bench.submit(deployment, 1);
    deployment.drain(1000, onDrained);
    bench.engine.endApply?.();
    bench.engine.running[0]?.answer();
    expect(bench.outcomes).toEqual([1]);
    expect(drained).toBe(1);
  });

  it("ends the news of the engine: that it is closed afterwards is nobody's concern", () => {
    const deployment = bench.started();
    bench.engine.listener?.onHealth({ ready: true });
    deployment.drain(1000, onDrained);
    bench.engine.listener?.onHealth({ ready: false, message: 'the engine is closed' });
    expect(bench.healths).toEqual([{ ready: true }]);
    expect(deployment.health.ready).toBe(false);
  });

  it('of a deployment that never started is over at once', () => {
    bench.deploy(new ScriptedScaler([one])).drain(1000, onDrained);
    expect(drained).toBe(1);
  });
});
