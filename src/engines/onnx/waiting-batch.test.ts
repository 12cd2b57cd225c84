import { afterAll, afterEach, describe, expect, it } from 'vitest';
import type { Row } from '../../tensor/row.ts';
import type { RunOutcome } from '../engine.ts';
import type { OnnxEngine } from './onnx-engine.ts';
import type { OnnxEngineOptions } from './options.ts';
import { Ear, applyTo, runOn } from './testing/driver.ts';
import { LoopingEngines, endless, row } from './testing/looping-engines.ts';

const engines = new LoopingEngines();
afterEach(() => engines.close());
afterAll(() => engines.folder.remove());
const openLoop = (options: Partial<OnnxEngineOptions>): Promise<OnnxEngine> =>
  engines.open(options);

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

  /** Two instances, both busy: the first batch runs for ever, or as told, and the third waits behind it. */
  async function behind(turns: number) {
    const engine = await openLoop({ isolation: 'process', runLimitMs: 60_000 });
    await applyTo(engine, { batchSize: 1, instances: 2 });
    const told: string[] = [];
    const first = runOn(engine, [row(1, turns)]);
    const second = runOn(engine, [row(2, 100_000)]);
    const third = new Promise<string>((resolve) => {
      const done = ({ kind }: RunOutcome<Row>): void => {
        told.push(kind);
        resolve(kind);
      };
      engine.run([row(3)], done, () => told.push('started'));
    });
    expect([engine.freeInstances, engine.prefetchRoom]).toEqual([0, 1]);
    return { engine, first, second, third, told };
  }

  it('give the batch that waits back when the run before it takes much too long', async () => {
    const { engine, first, second, third, told } = await behind(endless);
    expect((await second).kind).toBe('done');
    expect(await third).toBe('instance-lost');
    expect(told).toEqual(['instance-lost']);
    // The other one can run it.
    expect(engine.freeInstances).toBe(1);
    expect((await runOn(engine, [row(3)])).kind).toBe('done');
    const hanging = engine.instances.find(({ state }) => state === 'busy');
    process.kill(hanging?.pid as number, 'SIGKILL');
    expect((await first).kind).toBe('instance-lost');
    await new Ear(engine).until(() => engine.freeInstances === 2);
    expect(told).toEqual(['instance-lost']);
  });

  it('forgive a run that was only slow: what was given back is told once', async () => {
    const calibration = await openLoop({ isolation: 'process' });
    const startMs = performance.now();
    await runOn(calibration, [row(0, 50_000)]);
    const slowTurns = Math.round((50_000 * 3000) / (performance.now() - startMs));
    const { engine, first, third, told } = await behind(slowTurns);
    expect(await third).toBe('instance-lost');
    expect((await first).kind).toBe('done');
    await new Ear(engine).until(() => engine.freeInstances === 2);
    expect(told).toEqual(['instance-lost']);
    expect((await runOn(engine, [row(3)])).kind).toBe('done');
  });
});
