import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { preprocessingHints } from '../datasets/image-signature.ts';
import { zooModel } from './serve.ts';

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'serve-'));
  vi.stubEnv('DNNSCALER_CACHE_DIR', folder);
});

afterAll(async () => {
  vi.unstubAllEnvs();
  await rm(folder, { recursive: true });
});

describe('a network of the zoo that is served', () => {
  it.each([
    ["takes images as TF-Slim's own programs do", {}, preprocessingHints['slim-inception'].resize],
    [
      'takes them as was asked',
      { preprocessing: 'slim-vgg' },
      preprocessingHints['slim-vgg'].resize,
    ],
  ] as const)('%s', async (_, options, resize) => {
    const { preprocessing } = await zooModel('mobilenet_v1_025', options).open();
    expect(preprocessing).toMatchObject({ resize });
  });

  it('takes no images when told so', async () => {
    const { preprocessing } = await zooModel('mobilenet_v1_025', { preprocessing: 'none' }).open();
    expect(preprocessing).toBe('none');
  });
});
