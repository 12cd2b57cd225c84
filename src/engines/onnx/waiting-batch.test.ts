import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Row } from '../../tensor/row.ts';
import { openOnnxEngine } from './onnx-engine.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import type { OnnxEngineOptions } from './options.ts';
import { Ear, floats, int64, runOn } from './testing/driver.ts';
import { FixtureFolder, looping } from './testing/fixtures.ts';

const folder = new FixtureFolder();
const loopPath = folder.model('looping', looping);
const open: OnnxEngine[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((engine) => engine.close()));
});
afterAll(() => folder.remove());

async function openLoop(options: Partial<OnnxEngineOptions>): Promise<OnnxEngine> {
  const engine = await openOnnxEngine({ modelPath: loopPath, cores: 2, ...options });
  open.push(engine);
  return engine;
}

/** A row that keeps its instance busy for so many turns, and comes back unchanged. */
const row = (value: number, turns = 0): Row => [floats([value, 0, 0, value]), int64(turns)];
const endless = Number.MAX_SAFE_INTEGER;

describe('a batch that is handed over ahead of time', () => {
  it.each(['thread', 'process'] as const)(
    'starts when the one before it has ended (%s)',
    async (isolation) => {
      const engine = await openLoop({ isolation, cores: 1 });
      const said: string[] = [];
      const batches: Promise<unknown>[] = [];
      const run = (value: number): void => {
        const replied = runOn(engine, [row(value, 20_000)], () => said.push(`${value} starts`));
        batches.push(
          replied.then((outcome) => {
            expect(outcome.kind === 'done' && outcome.replies.replyAt(0)[0]?.data[3]).toBe(value);
            said.push(`${value} ended`);
            if (value < 8) run(value + 2);
          }),
        );
      };
      expect([engine.freeInstances, engine.prefetchRoom]).toEqual([1, 0]);
      run(1);
      expect([engine.freeInstances, engine.prefetchRoom]).toEqual([0, 1]);
      run(2);
      expect([engine.freeInstances, engine.prefetchRoom]).toEqual([0, 0]);
      while (batches.length > 0) await batches.shift();
      const expected = ['2 starts', '1 ended'];
      for (let value = 3; value <= 9; value += 1)
        expected.push(`${value} starts`, `${value - 1} ended`);
      expect(said).toEqual([...expected, '9 ended']);
    },
  );
});

describe('process instances', () => {
  it('lose the batch that waits with the one that runs', async () => {
    const engine = await openLoop({ isolation: 'process' });
    const lost = runOn(engine, [row(1, endless)]);
    let started = false;
    const waited = runOn(engine, [row(2)], () => (started = true));
    process.kill(engine.instances[0]?.pid as number, 'SIGKILL');
    expect((await lost).kind).toBe('instance-lost');
    expect((await waited).kind).toBe('instance-lost');
    expect(started).toBe(false);
  });

  it('give the batch that waits back when the run before it takes much too long', async () => {
    const engine = await openLoop({ isolation: 'process', runLimitMs: 60_000 });
    const hangs = runOn(engine, [row(1, endless)]);
    const waited = await runOn(engine, [row(2)]);
    expect(waited.kind).toBe('instance-lost');
    expect([engine.freeInstances, engine.prefetchRoom]).toEqual([0, 0]);
    process.kill(engine.instances[0]?.pid as number, 'SIGKILL');
    expect((await hangs).kind).toBe('instance-lost');
    await new Ear(engine).until(() => engine.freeInstances > 0);
    expect((await runOn(engine, [row(3)])).kind).toBe('done');
  });

  it('forgive a run that was only slow: what was given back is told once', async () => {
    const engine = await openLoop({ isolation: 'process' });
    const calibrationMs = performance.now();
    await runOn(engine, [row(0, 20_000)]);
    const turnsPerMs = 20_000 / (performance.now() - calibrationMs);
    // Longer than a batch waits for it, a second at least.
    const slowMs = Math.max(2500, 15 * (performance.now() - calibrationMs));
    const slow = runOn(engine, [row(1, Math.round(slowMs * turnsPerMs))]);
    let told = 0;
    const waited = new Promise<string>((resolve) => {
      engine.run([row(2)], ({ kind }) => {
        told += 1;
        resolve(kind);
      });
    });
    expect(await waited).toBe('instance-lost');
    expect((await slow).kind).toBe('done');
    await new Ear(engine).until(() => engine.freeInstances > 0);
    expect((await runOn(engine, [row(3)])).kind).toBe('done');
    expect(told).toBe(1);
  });
});
