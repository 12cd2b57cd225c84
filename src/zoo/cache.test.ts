import { spawn } from 'node:child_process';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { cachedModel, cacheDirectory } from './cache.ts';
import { sha256OfFile } from './file-digest.ts';
import { buildToFile } from './model-file.ts';

const small = 'mobilenet_v1_025';
let directory: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'zoo-cache-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true });
});

/** The path of the model and whether it had to be built. */
async function fetch(options: { seed?: number; imageDatatype?: 'UINT8' | 'FP32' } = {}) {
  let built = false;
  const onProgress = (): void => {
    built = true;
  };
  return { path: await cachedModel(small, { ...options, directory, onProgress }), built };
}

describe('the cache', () => {
  test('builds once, with the bytes that a build to a file has', async () => {
    const first = await fetch();
    expect(first.built).toBe(true);
    expect(await fetch()).toEqual({ path: first.path, built: false });
    expect(dirname(first.path)).toBe(directory);
    const other = await buildToFile(small, join(directory, 'other'));
    expect(await sha256OfFile(first.path)).toBe(await sha256OfFile(other));
  });

  test('keeps a file for each seed and option', async () => {
    const paths = [];
    for (const options of [{}, { seed: 1 }, { seed: 2 }, { imageDatatype: 'FP32' }] as const) {
      paths.push((await fetch(options)).path);
    }
    expect(paths[1]).toBe(paths[0]);
    expect(new Set(paths).size).toBe(3);
  });

  test.each<[string, (path: string) => void]>([
    ['cut short', (path) => truncateSync(path, 1_000_000)],
    [
      'torn in the middle',
      (path) => writeFileSync(path, readFileSync(path).fill(0, 500_000, 600_000)),
    ],
    ['missing', (path) => rmSync(path)],
    ['without its checksum', (path) => rmSync(`${path}.sha256`)],
  ])('builds a file again that is %s', async (_, damage) => {
    const { path } = await fetch();
    const whole = await sha256OfFile(path);
    damage(path);
    expect(await fetch()).toEqual({ path, built: true });
    expect(await sha256OfFile(path)).toBe(whole);
    expect((await fetch()).built).toBe(false);
  });

  test('is safe when several build at once', async () => {
    const results = await Promise.all([fetch(), fetch(), fetch()]);
    const path = results[0].path;
    expect(results.map((result) => result.path)).toEqual([path, path, path]);
    expect((await fetch()).built).toBe(false);
    expect(readdirSync(directory).sort()).toEqual([basename(path), `${basename(path)}.sha256`]);
  });

  test('is safe when two processes build at once', async () => {
    const module = new URL('./cache.ts', import.meta.url).href;
    const script = `import { cachedModel } from '${module}';
      console.log(await cachedModel('${small}', { directory: ${JSON.stringify(directory)} }));`;
    const run = (): Promise<string> =>
      new Promise((resolve, reject) => {
        const tsx = import.meta.resolve('tsx/esm');
        const child = spawn(process.execPath, [
          '--import',
          tsx,
          '--input-type=module',
          '-e',
          script,
        ]);
        let printed = '';
        child.stdout.on('data', (part: Buffer) => (printed += part.toString()));
        child.stderr.on('data', (part: Buffer) => (printed += part.toString()));
        child.on('error', reject);
        child.on('close', () => {
          resolve(printed.trim());
        });
      });
    const paths = await Promise.all([run(), run()]);
    const found = await fetch();
    expect(paths).toEqual([found.path, found.path]);
    expect(found.built).toBe(false);
    expect(readdirSync(directory).length).toBe(2);
  });

  test('sweeps what a killed process left, and not what another is writing', async () => {
    const [old, fresh] = ['killed.onnx.1.tmp', 'writing.onnx.2.tmp'].map((name) =>
      join(directory, name),
    );
    writeFileSync(old!, 'x');
    writeFileSync(fresh!, 'x');
    utimesSync(old!, 1e9, 1e9);
    const { path } = await fetch();
    expect(readdirSync(directory).sort()).toEqual(
      [basename(path), `${basename(path)}.sha256`, basename(fresh!)].sort(),
    );
  });
});

test('the directory comes from the environment', () => {
  expect(cacheDirectory({ DNNSCALER_CACHE_DIR: '/own', XDG_CACHE_HOME: '/xdg' })).toBe('/own');
  expect(cacheDirectory({ XDG_CACHE_HOME: '/xdg' })).toBe(join('/xdg', 'dnnscaler'));
  const home = join(homedir(), '.cache', 'dnnscaler');
  expect(cacheDirectory({})).toBe(home);
  expect(cacheDirectory({ DNNSCALER_CACHE_DIR: '', XDG_CACHE_HOME: '' })).toBe(home);
});
