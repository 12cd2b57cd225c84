import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { NetworkProfile } from './profile-format.ts';
import {
  machineSignature,
  modelContentHash,
  ProfileLibrary,
  profileLibraryPath,
} from './profile-library.ts';

let dir: string;
let file: string;
let warnings: string[];

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'dnnscaler-profiles-'));
  file = path.join(dir, 'data', 'profiles.json');
  warnings = [];
});
afterEach(async () => {
  await rm(dir, { recursive: true });
});

const open = (): ProfileLibrary =>
  new ProfileLibrary({ file, onWarning: (message) => warnings.push(message) });

const profileOf = (name: string, ms = 5): NetworkProfile => ({
  modelHash: `sha256:${name}`,
  machine: 'this one',
  provider: 'cpu',
  name,
  measuredAt: '2025-01-01T00:00:00.000Z',
  cells: new Map([
    [1, ms],
    [2, 2 * ms],
  ]),
});

const inData = async (): Promise<string[]> => (await readdir(path.dirname(file))).sort();

/** Runs a module in another process, with `ProfileLibrary` and `profileOf` at hand. */
function runElsewhere(body: string): ReturnType<typeof spawn> {
  const library = new URL('./profile-library.ts', import.meta.url).href;
  const code = `
    import { ProfileLibrary } from ${JSON.stringify(library)};
    const library = new ProfileLibrary({ file: ${JSON.stringify(file)} });
    const profileOf = (name) => ({
      modelHash: name, machine: 'm', provider: 'cpu', name, measuredAt: 'now',
      cells: new Map([[1, 5], [2, 9]]),
    });
    ${body}`;
  return spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

describe('ProfileLibrary', () => {
  it('is empty before anything was kept, and makes no file by being read', async () => {
    expect(await open().read()).toEqual([]);
    expect(await readdir(dir)).toEqual([]);
  });

  it('keeps profiles across openings, surfaces too', async () => {
    const surface = [{ batchSize: 4, instances: 2, latencyMs: 7.5 }];
    await open().save({ ...profileOf('a'), surface });
    await open().save(profileOf('b'));
    expect(await open().read()).toEqual([{ ...profileOf('a'), surface }, profileOf('b')]);
    expect(await inData()).toEqual(['profiles.json']);
  });

  it('replaces a profile of the same model, machine and provider only', async () => {
    const library = open();
    await library.save(profileOf('a'));
    await library.save({ ...profileOf('a'), provider: 'cuda' });
    await library.save({ ...profileOf('a'), machine: 'another' });
    await library.save(profileOf('a', 8));
    expect(
      (await library.read()).map(({ provider, machine, cells }) => [
        provider,
        machine,
        cells.get(1),
      ]),
    ).toEqual([
      ['cuda', 'this one', 5],
      ['cpu', 'another', 5],
      ['cpu', 'this one', 8],
    ]);
  });

  it('refuses latencies that are none, before it writes', async () => {
    await expect(open().save(profileOf('a', -1))).rejects.toThrow(/must be a positive number/);
    expect(await readdir(dir)).toEqual([]);
  });

  it('writes the format that docs/estimation.md gives', async () => {
    await open().save(profileOf('a'));
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({
      format: 'dnnscaler-profiles',
      version: 1,
      profiles: [
        {
          modelHash: 'sha256:a',
          machine: 'this one',
          provider: 'cpu',
          name: 'a',
          measuredAt: '2025-01-01T00:00:00.000Z',
          latenciesMs: { 1: 5, 2: 10 },
        },
      ],
    });
  });

  it('loses no profile when processes write at once, and never shows half a file', async () => {
    const perProcess = 8;
    const writers = ['p', 'q', 'r'].map((name) =>
      runElsewhere(
        `for (let i = 0; i < ${perProcess}; i += 1) await library.save(profileOf('${name}' + i));`,
      ),
    );
    const state = { ended: false };
    const all = Promise.all(writers.map((writer) => once(writer, 'exit'))).finally(() => {
      state.ended = true;
    });
    let seen = 0;
    const library = open();
    while (!state.ended) {
      const count = (await library.read()).length;
      expect(count).toBeGreaterThanOrEqual(seen);
      seen = count;
      await library.save(profileOf(`own ${seen}`));
    }
    expect((await all).map(([code]) => code as number)).toEqual([0, 0, 0]);
    const kept = new Set((await library.read()).map(({ name }) => name));
    for (const name of ['p', 'q', 'r']) {
      for (let i = 0; i < perProcess; i += 1) expect(kept).toContain(`${name}${i}`);
    }
    expect(warnings).toEqual([]);
    expect(await inData()).toEqual(['profiles.json']);
  });

  it('goes on after a writer was killed, with the file whole', async () => {
    const writer = runElsewhere(
      `for (let i = 0; ; i += 1) { await library.save(profileOf('k' + (i % 50))); if (i === 5) console.log('going'); }`,
    );
    await once(writer.stdout as NodeJS.ReadableStream, 'data');
    writer.kill('SIGKILL');
    await once(writer, 'exit');
    const library = open();
    const before = await library.read();
    expect(before.length).toBeGreaterThanOrEqual(6);
    await library.save(profileOf('after'));
    expect((await library.read()).map(({ name }) => name)).toContain('after');
    expect(warnings).toEqual([]);
  });

  it.each([
    ['torn', (text: string) => text.slice(0, text.length / 2), 'it is no JSON'],
    ['empty', () => '', 'it is no JSON'],
    ['foreign', () => '{"format": "shopping list"}', 'its "format" is not "dnnscaler-profiles"'],
    ['hollow', () => '{"format": "dnnscaler-profiles", "version": 1}', 'no list of profiles'],
  ])('sets a %s file aside, begins anew and says it once', async (_, damage, why) => {
    const library = open();
    await library.save(profileOf('a'));
    const broken = damage(await readFile(file, 'utf8'));
    await writeFile(file, broken);
    expect(await library.read()).toEqual([]);
    expect(await library.read()).toEqual([]);
    await library.save(profileOf('b'));
    expect(await library.read()).toEqual([profileOf('b')]);
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain(why);
    expect(warnings[0]).toContain('kept as profiles.json.corrupt-1, and a new one begun');
    expect(await readFile(`${file}.corrupt-1`, 'utf8')).toBe(broken);
  });

  it('takes over the sound profiles of a damaged file, and numbers what it sets aside', async () => {
    const library = open();
    for (const round of [1, 2]) {
      await library.save(profileOf('sound'));
      await library.save(profileOf('damaged'));
      const text = await readFile(file, 'utf8');
      await writeFile(file, text.replaceAll('"1": 5,\n    "2": 10\n   }\n  }\n ]', '"1": -5 }}]'));
      expect((await library.read()).map(({ name }) => name)).toEqual(['sound']);
      expect(warnings[round - 1]).toMatch(/1 of its 2 profiles make no sense.*its 1 sound profile/);
      expect(await inData()).toContain(`profiles.json.corrupt-${round}`);
    }
  });

  it('neither reads nor touches a file of a newer version', async () => {
    const library = open();
    await library.save(profileOf('a'));
    const newer = '{"format": "dnnscaler-profiles", "version": 2, "profiles": "elsewhere"}';
    await writeFile(file, newer);
    await expect(library.read()).rejects.toThrow(/written by a newer dnnscaler: it has version 2/);
    await expect(library.save(profileOf('b'))).rejects.toMatchObject({ code: 'unsupported' });
    expect(await readFile(file, 'utf8')).toBe(newer);
    expect(await inData()).toEqual(['profiles.json']);
  });

  it('says where it could not write', async () => {
    await writeFile(path.join(dir, 'data'), 'a file where the folder should be');
    await expect(open().save(profileOf('a'))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('profileLibraryPath', () => {
  it.each([
    [{ DNNSCALER_DATA_DIR: '/mine', XDG_DATA_HOME: '/xdg' }, '/mine/profiles.json'],
    [{ XDG_DATA_HOME: '/xdg' }, '/xdg/dnnscaler/profiles.json'],
    [{ XDG_DATA_HOME: 'relative' }, '/home/me/.local/share/dnnscaler/profiles.json'],
    [{ DNNSCALER_DATA_DIR: '' }, '/home/me/.local/share/dnnscaler/profiles.json'],
  ])('with %j is %s', (env, expected) => {
    expect(profileLibraryPath(env, '/home/me')).toBe(path.normalize(expected));
  });
});

describe('keys', () => {
  it('tell models apart by content', async () => {
    const [one, other] = [path.join(dir, 'one'), path.join(dir, 'other')];
    await writeFile(one, 'abc');
    await writeFile(other, 'abd');
    // SHA-256 of "abc", from FIPS 180-4's example.
    expect(await modelContentHash(one)).toBe(
      'sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
    expect(await modelContentHash(other)).not.toBe(await modelContentHash(one));
  });

  it('tell machines apart by accelerator', () => {
    expect(machineSignature()).toBe(machineSignature());
    expect(machineSignature('Tesla P40')).toBe(`${machineSignature()}, Tesla P40`);
  });
});
