import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { sleep } from '../../clock.ts';
import type { OperatingPoint } from '../../operating-point.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import type { OnnxEngineOptions } from './options.ts';
import { Ear, applyTo, floats, repliesOf, runOn } from './testing/driver.ts';
import { LoopingEngines, endless, row } from './testing/looping-engines.ts';

const engines = new LoopingEngines();
afterEach(() => engines.close());
afterAll(() => engines.folder.remove());
const openLoop = (options: Partial<OnnxEngineOptions>): Promise<OnnxEngine> =>
  engines.open(options);

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function untilDead(pid: number): Promise<void> {
  while (isAlive(pid)) await sleep(20);
}

describe('resizing under load', () => {
  const path: readonly OperatingPoint[] = [
    { batchSize: 4, instances: 2 },
    { batchSize: 8, instances: 1 },
    { batchSize: 1, instances: 2 },
  ];

  it.each(['thread', 'process'] as const)(
    'answers every row once and with its own reply (%s)',
    async (isolation) => {
      const engine = await openLoop({ isolation });
      const answers = new Map<number, number[]>();
      let next = 0;
      let changing = true;
      let batchSize = 1;
      const pump = (): void => {
        while (changing && engine.freeInstances > 0) {
          const values = Array.from({ length: batchSize }, (_, i) => next + i);
          next += batchSize;
          for (const value of values) answers.set(value, []);
          engine.run(
            values.map((value) => row(value, 2000)),
            (outcome) => {
              expect(outcome.kind).toBe('done');
              if (outcome.kind !== 'done') return;
              for (const [index, value] of values.entries()) {
                answers.get(value)?.push(outcome.replies.replyAt(index)[0]?.data[3] as number);
              }
            },
          );
        }
      };
      engine.listen({ onCapacity: pump, onHealth: () => undefined });
      pump();
      for (const point of path) {
        const before = next;
        const { error, reached } = await applyTo(engine, point);
        expect(error).toBeNull();
        expect(reached).toMatchObject(point);
        expect(engine.instances.filter(({ state }) => state === 'retiring')).toEqual([]);
        expect(engine.instances).toHaveLength(point.instances);
        // The others went on serving while this change was made.
        expect(next).toBeGreaterThan(before);
        batchSize = point.batchSize;
      }
      changing = false;
      await engine.close();
      expect(next).toBeGreaterThan(20);
      for (const [value, replies] of answers) expect(replies).toEqual([value]);
    },
  );
});

describe('operating points', () => {
  it('share the cores out among the instances unless told otherwise', async () => {
    const engine = await openLoop({ cores: 4, maxInstances: 3 });
    expect(engine.point).toEqual({ batchSize: 1, instances: 1, threadsPerInstance: 4 });
    const reach = async (point: OperatingPoint): Promise<OperatingPoint> =>
      (await applyTo(engine, point)).reached;
    expect((await reach({ batchSize: 1, instances: 2 })).threadsPerInstance).toBe(2);
    expect((await reach({ batchSize: 2, instances: 3 })).threadsPerInstance).toBe(1);
    const told = { batchSize: 2, instances: 1, threadsPerInstance: 3 };
    expect(await reach(told)).toEqual(told);
    const beyond = await reach({ batchSize: 1000, instances: 9, threadsPerInstance: 1 });
    expect(beyond).toEqual({ batchSize: 128, instances: 3, threadsPerInstance: 1 });
  });

  it('fall back to the batch size before when the model cannot run the new one', async () => {
    // The batch size less 1 is a place in a table of 4.
    const modelPath = engines.folder.model('at-most-four', {
      inputs: [{ name: 'x', type: 'FP32', dims: ['N', 2] }],
      outputs: [{ name: 'y', type: 'FP32', dims: ['N', 2] }],
      constants: [
        { name: 'table', type: 'FP32', dims: [5], data: new Float32Array(5) },
        { name: 'first', type: 'INT64', dims: [], data: BigInt64Array.of(0n) },
      ],
      nodes: [
        { op: 'Shape', inputs: ['x'], outputs: ['shape'] },
        { op: 'Gather', inputs: ['shape', 'first'], outputs: ['rows'] },
        { op: 'Gather', inputs: ['table', 'rows'], outputs: ['nothing'] },
        { op: 'Add', inputs: ['x', 'nothing'], outputs: ['y'] },
      ],
    });
    const engine = await openLoop({ modelPath });
    const ear = new Ear(engine);
    expect((await applyTo(engine, { batchSize: 4, instances: 1 })).reached.batchSize).toBe(4);
    const { error, reached } = await applyTo(engine, { batchSize: 5, instances: 2 });
    expect(error).toBeNull();
    expect(reached.batchSize).toBe(4);
    expect(ear.health.at(-1)).toMatchObject({ ready: true });
    expect(ear.health.at(-1)?.message).toContain('a warm-up run of 5 rows failed');
    expect(await repliesOf(engine, [[floats([1, 2])]])).toEqual([[floats([1, 2])]]);
  });
});

describe('process instances', () => {
  it('lose their batch, and only that, to kill -9, and are replaced', async () => {
    const engine = await openLoop({ isolation: 'process' });
    const ear = new Ear(engine);
    const pid = engine.instances[0]?.pid as number;
    const lost = runOn(engine, [row(1, endless)]);
    process.kill(pid, 'SIGKILL');
    const outcome = await lost;
    expect(outcome.kind).toBe('instance-lost');
    if (outcome.kind !== 'done') expect(outcome.error.message).toContain('SIGKILL');
    await ear.until(() => engine.freeInstances > 0);
    expect(engine.instances[0]?.pid).not.toBe(pid);
    expect(await repliesOf(engine, [row(2)])).toMatchObject([[floats([2, 0, 0, 2])]]);
    expect(ear.health.map(({ ready }) => ready)).toEqual([false, true]);
  });

  it('are killed when a run hangs, and replaced', async () => {
    const engine = await openLoop({ isolation: 'process', runLimitMs: 2500 });
    const ear = new Ear(engine);
    const pid = engine.instances[0]?.pid as number;
    const outcome = await runOn(engine, [row(1, endless)]);
    expect(outcome.kind).toBe('timed-out');
    if (outcome.kind !== 'done') expect(outcome.error.code).toBe('deadline-exceeded');
    await untilDead(pid);
    await ear.until(() => engine.freeInstances > 0);
    expect((await runOn(engine, [row(2)])).kind).toBe('done');
  });

  it('finish their run when the terminal interrupts everything', async () => {
    const engine = await openLoop({ isolation: 'process' });
    const pid = engine.instances[0]?.pid as number;
    const run = runOn(engine, [row(1, 50_000)]);
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.kill(pid, signal);
    expect((await run).kind).toBe('done');
    expect((await runOn(engine, [row(2)])).kind).toBe('done');
    await engine.close();
    await untilDead(pid);
  });
});

describe('closing', () => {
  it.each(['thread', 'process'] as const)('lets a run end first (%s)', async (isolation) => {
    const engine = await openLoop({ isolation });
    const run = runOn(engine, [row(1, 50_000)]);
    await Promise.all([engine.close(), engine.close()]);
    expect((await run).kind).toBe('done');
    expect(engine.instances).toEqual([]);
  });

  it('kills a process that does not come to an end', async () => {
    const engine = await openLoop({ isolation: 'process', closeLimitMs: 200 });
    const pid = engine.instances[0]?.pid as number;
    const run = runOn(engine, [row(1, endless)]);
    await engine.close();
    expect((await run).kind).toBe('timed-out');
    expect(isAlive(pid)).toBe(false);
  });
});

/** These would take the test's own process along: it could not end while its thread hangs. */
describe('in a process of its own', () => {
  const children: ChildProcess[] = [];
  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  async function runScript(script: string): Promise<{ said: unknown[]; signal: string | null }> {
    const source = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);
    const code = `
      import { openOnnxEngine } from ${source('onnx-engine.ts')};
      import { Ear, applyTo, floats, int64, runOn } from ${source('testing/driver.ts')};
      const modelPath = ${JSON.stringify(engines.modelPath)};
      const row = (turns) => [floats([1, 2, 3, 4]), int64(turns)];
      const say = (value) => process.stdout.write(JSON.stringify(value) + '\\n');
      ${script}`;
    const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(child);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    const [, signal] = (await once(child, 'close')) as [number | null, string | null];
    const lines = output.split('\n').filter((line) => line !== '');
    return { said: lines.map((line) => JSON.parse(line) as unknown), signal };
  }

  it('a hung thread is reported, replaced, never awaited, and forgiven if it comes back', async () => {
    const { said, signal } = await runScript(`
      const engine = await openOnnxEngine({ modelPath, cores: 2, runLimitMs: 1000, closeLimitMs: 300 });
      const ear = new Ear(engine);
      const calibrationMs = performance.now();
      await runOn(engine, [row(50_000)]);
      const turnsPerMs = 50_000 / (performance.now() - calibrationMs);

      say((await runOn(engine, [row(Math.round(5000 * turnsPerMs))])).kind);
      await ear.until(() => engine.freeInstances > 0);
      say(ear.health.at(-1));
      say((await runOn(engine, [row(0)])).kind);
      await ear.until(() => ear.health.at(-1).ready);
      say(engine.instances.length);

      say((await runOn(engine, [row(${endless})])).kind);
      await ear.until(() => engine.freeInstances > 0);
      say((await runOn(engine, [row(0)])).kind);
      await engine.close();
      say(engine.instances.map(({ state }) => state));
      process.kill(process.pid, 'SIGKILL');`);
    const message = expect.stringContaining('a thread instance hangs in a run') as unknown;
    expect(said).toEqual([
      'timed-out',
      { ready: false, message },
      'done',
      1,
      'timed-out',
      'done',
      ['hung'],
    ]);
    expect(signal).toBe('SIGKILL');
  });

  it('process instances do not outlive the engine, not even inside a run', async () => {
    const { said } = await runScript(`
      const engine = await openOnnxEngine({ modelPath, isolation: 'process', cores: 2 });
      await applyTo(engine, { batchSize: 1, instances: 2 });
      say(engine.instances.map(({ pid }) => pid));
      void runOn(engine, [row(${endless})]);
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100);`);
    const pids = said[0] as number[];
    expect(pids).toHaveLength(2);
    await Promise.all(pids.map(untilDead));
  });

  it('an engine that is closed leaves nothing that keeps the process alive', async () => {
    const { said, signal } = await runScript(`
      for (const isolation of ['thread', 'process']) {
        const engine = await openOnnxEngine({ modelPath, isolation, cores: 2 });
        await applyTo(engine, { batchSize: 2, instances: 2 });
        await runOn(engine, [row(0), row(1)]);
        await engine.close();
      }
      say('the end');`);
    expect(said).toEqual(['the end']);
    expect(signal).toBeNull();
  });
});
