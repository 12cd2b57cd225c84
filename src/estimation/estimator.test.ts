import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { estimateCurve } from './estimate-curve.ts';
import { builtInLibrary, estimatorFor, loadLibrary } from './estimator.ts';
import { p40Networks } from './known-networks.ts';
import { parseLatencyTable } from './latency-table.ts';
import { ProfileLibrary } from './profile-library.ts';

let dir: string;
let file: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'dnnscaler-library-'));
  file = path.join(dir, 'profiles.json');
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

describe('the built-in networks', () => {
  it('are those of data/p40-latency-by-instances.csv', async () => {
    const csv = new URL('../../data/p40-latency-by-instances.csv', import.meta.url);
    const { rows } = parseLatencyTable(await readFile(csv, 'utf8'), 'p40');
    expect(p40Networks).toEqual(rows.map(({ name, cells }) => ({ name, cells })));
  });
});

describe('estimatorFor', () => {
  it('gives latencies at 1 to the count asked for, learned from the built-in networks', () => {
    const observed = new Map([
      [1, 10],
      [8, 30],
    ]);
    const estimates = estimatorFor()(observed, 4);
    expect(estimates).toEqual(estimateCurve(observed, [1, 2, 3, 4], builtInLibrary));
    expect(estimates).not.toEqual(estimateCurve(observed, [1, 2, 3, 4], []));
  });
});

describe('loadLibrary', () => {
  const target = { machine: 'mine', provider: 'cuda' };
  const save = (name: string, machine: string, provider: string): Promise<void> =>
    new ProfileLibrary({ file }).save({
      modelHash: name,
      machine,
      provider,
      name,
      measuredAt: '2025-01-01T00:00:00.000Z',
      cells: new Map([
        [1, 10],
        [4, 18],
        [8, 30],
      ]),
    });

  it('puts kept profiles beside the built-in networks, the nearer the heavier', async () => {
    await save('own', 'mine', 'cuda');
    await save('other GPU', 'theirs', 'cuda');
    await save('own CPU', 'mine', 'cpu');
    const library = await loadLibrary(target, { file });
    expect(library).toHaveLength(p40Networks.length + 3);
    const weights = Object.fromEntries(library.map(({ name, weight }) => [name, weight]));
    expect(weights).toMatchObject({
      own: 1,
      'other GPU': 0.1,
      'own CPU': 0.01,
      'Imagenet/Inc-V1': 0.1,
    });
    const forCpu = await loadLibrary({ machine: 'mine', provider: 'cpu' }, { file });
    expect(forCpu.find(({ name }) => name === 'Imagenet/Inc-V1')?.weight).toBe(0.01);
  });

  it('brings an estimate nearer to what was measured of the last network', async () => {
    const observed = new Map([
      [1, 20],
      [8, 60],
    ]);
    const estimate = async (): Promise<number> =>
      estimatorFor(await loadLibrary(target, { file }))(observed, 8)[3] as number;
    const before = await estimate();
    await save('alike', 'mine', 'cuda');
    expect(Math.abs((await estimate()) - 36)).toBeLessThan(Math.abs(before - 36));
  });

  it('does without a file that it cannot use, and says so', async () => {
    await writeFile(file, '{"format": "dnnscaler-profiles", "version": 9}');
    const warnings: string[] = [];
    const library = await loadLibrary(target, { file, onWarning: (text) => warnings.push(text) });
    expect(library).toHaveLength(p40Networks.length);
    expect(warnings).toEqual([expect.stringMatching(/without the profiles kept.*version 9/)]);
  });
});
