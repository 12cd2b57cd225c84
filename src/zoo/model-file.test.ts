import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { sha256OfFile } from './file-digest.ts';
import { buildToFile } from './model-file.ts';
import { nearestName } from './nearest-name.ts';
import type { Graph } from './onnx/graph.ts';
import { readGraph } from './onnx/read.ts';
import { findNetwork, zooNetworks } from './registry.ts';

const directory = mkdtempSync(join(tmpdir(), 'zoo-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

const small = 'mobilenet_v1_025';

describe('building to a file', () => {
  test('writes DIR/NAME.onnx, with the same bytes for the same seed and others for another', async () => {
    const paths = [];
    for (const [folder, seed] of [
      ['a/deep', 4],
      ['b', 4],
      ['c', 5],
    ] as const) {
      paths.push(await buildToFile(small, join(directory, folder), { seed }));
    }
    expect(paths[0]).toBe(join(directory, 'a/deep', `${small}.onnx`));
    const [a, b, c] = paths.map((path) => readFileSync(path));
    expect(a!.equals(b!)).toBe(true);
    expect(a!.equals(c!)).toBe(false);
    const names = ({ nodes }: Graph): string[] => nodes.map(({ name }) => name);
    expect(names(readGraph(a!, 'a'))).toEqual(names(findNetwork(small).build()));
  });

  test('tells its progress up to the end, and shows no file before it', async () => {
    const folder = join(directory, 'progress');
    const shares: number[] = [];
    const seen = new Set<string>();
    await buildToFile(small, folder, {
      onProgress: (share) => {
        shares.push(share);
        readdirSync(folder).forEach((name) => seen.add(name));
      },
    });
    expect(shares.at(-1)).toBe(1);
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect([...seen].every((name) => name.endsWith('.tmp'))).toBe(true);
    expect(readdirSync(folder)).toEqual([`${small}.onnx`]);
  });

  test('leaves nothing behind when it is broken off, and an older file as it was', async () => {
    const folder = join(directory, 'broken');
    const path = await buildToFile(small, folder);
    const before = readFileSync(path);
    const stop = (): never => {
      throw new RangeError('enough');
    };
    await expect(buildToFile(small, folder, { seed: 9, onProgress: stop })).rejects.toThrow(
      new RangeError('enough'),
    );
    expect(readdirSync(folder)).toEqual([`${small}.onnx`]);
    expect(readFileSync(path).equals(before)).toBe(true);
  });

  test('says which directory cannot be written', async () => {
    const file = join(directory, 'a-file');
    writeFileSync(file, '');
    await expect(buildToFile(small, file)).rejects.toMatchObject({
      code: 'invalid-argument',
      message: expect.stringContaining(`cannot write ${join(file, small)}.onnx: EEXIST`) as string,
    });
  });

  test('a missing file has no checksum, and a directory in its place is an error', async () => {
    await expect(sha256OfFile(join(directory, 'nowhere'))).resolves.toBeUndefined();
    await expect(sha256OfFile(directory)).rejects.toThrow(`cannot read ${directory}: EISDIR`);
  });
});

describe('names', () => {
  test('are unique and found', () => {
    for (const network of zooNetworks) expect(findNetwork(network.name)).toBe(network);
    expect(new Set(zooNetworks.map(({ name }) => name)).size).toBe(zooNetworks.length);
  });

  test('an unknown name is answered with the likely one and all others', async () => {
    const rejected = buildToFile('mobilnet_v1_100', directory);
    await expect(rejected).rejects.toMatchObject({
      code: 'not-found',
      message:
        'the zoo has no network "mobilnet_v1_100" (did you mean mobilenet_v1_100?); it has ' +
        zooNetworks.map(({ name }) => name).join(', '),
    });
    expect(() => findNetwork('gpt')).toThrow(/network "gpt"; it has/);
  });

  test('the nearest name is the one with the fewest edits, if they are few', () => {
    const names = ['resnet_v2_50', 'resnet_v2_101', 'dan_sst'];
    expect(nearestName('ResNet_v2_5', names)).toBe('resnet_v2_50');
    expect(nearestName('resnet_v2_011', names)).toBe('resnet_v2_101');
    expect(nearestName('dansst', names)).toBe('dan_sst');
    expect(nearestName('bert', names)).toBeUndefined();
    expect(nearestName('', names)).toBeUndefined();
  });
});
