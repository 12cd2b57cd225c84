import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { StateFile } from './state-file.ts';

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'state-'));
  path = join(folder, 'deep/runs.json');
});

afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe('StateFile', () => {
  it('goes on with what there is, NaN included', async () => {
    const first = await StateFile.open<object>(path, { seed: 1 });
    expect(first.count).toBe(0);
    await first.put('a', { value: Number.NaN });
    await first.put('b', { value: 2 });
    const second = await StateFile.open<object>(path, { seed: 1 });
    expect(second.count).toBe(2);
    expect(second.get('a')).toEqual({ value: Number.NaN });
    expect(second.get('c')).toBeUndefined();
    expect(await readdir(join(folder, 'deep'))).toEqual(['runs.json']);
  });

  it('refuses results of other settings, and names them, unless it begins afresh', async () => {
    await (await StateFile.open(path, { seed: 1, machine: 'x' })).put('a', 1);
    await expect(StateFile.open(path, { seed: 2, machine: 'x' })).rejects.toThrow(
      /other settings \(seed\).*--fresh/,
    );
    const fresh = await StateFile.open(path, { seed: 2, machine: 'x' }, true);
    expect(fresh.count).toBe(0);
    await fresh.put('b', 1);
    expect(JSON.parse(await readFile(path, 'utf8'))).toMatchObject({ results: { b: 1 } });
  });

  it('does not take a file that cannot be read for one that is not there', async () => {
    await expect(StateFile.open(folder, {})).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining(`cannot read ${folder}`) as string,
    });
  });

  it.each(['', 'no json', 'null', '[]', '{"settings":{}}', '{"settings":{},"results":null}'])(
    'refuses a file that holds %j',
    async (text) => {
      path = join(folder, 'runs.json');
      await writeFile(path, text);
      await expect(StateFile.open(path, {})).rejects.toMatchObject({ code: 'invalid-argument' });
    },
  );
});
