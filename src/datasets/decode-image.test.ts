import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp, { type Color, type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { samplePhotos } from '../../examples/photos.ts';
import { DnnScalerError } from '../errors.ts';
import { decodeFailureReason, imageDecoder } from './decode-image.ts';
import type { PreprocessingSpec } from './preprocess.ts';

const spec: PreprocessingSpec = {
  width: 32,
  height: 24,
  resize: 'cover',
  layout: 'NHWC',
  channelOrder: 'RGB',
  datatype: 'UINT8',
};
const photo = samplePhotos()[2] as string;

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'decode-image-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function file(name: string, content: Uint8Array | string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, content);
  return path;
}

async function pixelsOf(path: string, change: Partial<PreprocessingSpec> = {}): Promise<number[]> {
  const [tensor] = await imageDecoder({ ...spec, ...change })(path);
  return [...(tensor?.data as Uint8Array)];
}

/** The mean over values of the absolute difference, 0..255. */
function difference(a: readonly number[], b: readonly number[]): number {
  expect(a).toHaveLength(b.length);
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] as number)), 0) / a.length;
}

async function reasonFor(path: string, maxPixels?: number): Promise<string> {
  const error: unknown = await imageDecoder(
    spec,
    maxPixels,
  )(path).then(
    () => new DnnScalerError('internal', 'it was decoded'),
    (thrown: unknown) => thrown,
  );
  return decodeFailureReason(error);
}

const damagedData = 'the image data is damaged or cut off';
const unsupported = 'Input file contains unsupported image format';
/** How near the start the cut is decides which of these it is. */
const damaged = new RegExp(`^(${damagedData}|${unsupported}|Input file has corrupt header)$`);

const plain = (width: number, height: number, background: Color): Sharp =>
  sharp({ create: { width, height, channels: 3, background } });

describe('imageDecoder', () => {
  it('decodes every sample photograph to the size asked for', async () => {
    const decode = imageDecoder({ ...spec, layout: 'NCHW', datatype: 'FP32' });
    for (const path of samplePhotos()) {
      const [tensor, ...rest] = await decode(path);
      expect(rest).toEqual([]);
      expect(tensor?.dims).toEqual([3, 24, 32]);
      const values = tensor?.data as Float32Array;
      expect(values).toHaveLength(3 * 24 * 32);
      expect(new Set(values).size).toBeGreaterThan(50); // a picture, not one colour
    }
  });

  const asIs = (picture: Sharp): Sharp => picture;
  const greyed = (picture: Sharp): Sharp => picture.greyscale();

  it.each([
    ['grey JPEG', (p: Sharp) => p.toColourspace('b-w').jpeg(), greyed],
    ['16-bit grey PNG', (p: Sharp) => p.toColourspace('grey16').png(), greyed],
    ['grey PNG with alpha', (p: Sharp) => p.toColourspace('b-w').ensureAlpha(1).png(), greyed],
    ['16-bit PNG', (p: Sharp) => p.toColourspace('rgb16').png(), asIs],
    ['palette PNG', (p: Sharp) => p.png({ palette: true }), asIs],
    ['opaque PNG with alpha', (p: Sharp) => p.ensureAlpha(1).png(), asIs],
    ['CMYK JPEG', (p: Sharp) => p.toColourspace('cmyk').jpeg(), asIs],
    ['progressive JPEG', (p: Sharp) => p.jpeg({ progressive: true }), asIs],
    ['WebP', (p: Sharp) => p.webp(), asIs],
    ['GIF', (p: Sharp) => p.gif(), asIs],
    ['TIFF', (p: Sharp) => p.tiff(), asIs],
    ['AVIF', (p: Sharp) => p.avif({ effort: 0 }), asIs],
  ] as const)('decodes a %s to the same picture', async (name, encode, reference) => {
    const small = (): Sharp => sharp(photo).resize(96, 72);
    const path = await file(`${name}.img`, await encode(small()).toBuffer());
    const pixels = await pixelsOf(path);
    const plainPng = await reference(small()).png().toBuffer();
    const expected = await pixelsOf(await file(`${name}.png`, plainPng));
    // Print's range of colours is smaller, so CMYK comes back a little off (10); other
    // photographs are off by more than twice the limit, as the next test shows.
    expect(difference(pixels, expected)).toBeLessThan(12);
    if (reference === greyed) {
      const spreads = pixels.map((value, i) => Math.abs(value - (pixels[i - (i % 3)] as number)));
      expect(Math.max(...spreads)).toBe(0);
    }
  });

  it('tells photographs apart by more than what formats differ by', async () => {
    const others = samplePhotos().filter((path) => path !== photo);
    for (const other of others) {
      expect(difference(await pixelsOf(other), await pixelsOf(photo))).toBeGreaterThan(24);
    }
  });

  it('shows white where an image is transparent', async () => {
    const background = { r: 200, g: 0, b: 0, alpha: 0 };
    const clear = sharp({ create: { width: 8, height: 8, channels: 4, background } });
    const pixels = await pixelsOf(await file('clear.png', await clear.png().toBuffer()));
    expect(new Set(pixels)).toEqual(new Set([255]));
  });

  it('applies the EXIF orientation', async () => {
    // Left half red, right half blue, to be turned by 90 degrees: red on top.
    const red = Buffer.from([250, 0, 0]);
    const blue = Buffer.from([0, 0, 250]);
    const row = Buffer.concat([...Array<Buffer>(8).fill(red), ...Array<Buffer>(8).fill(blue)]);
    const raw = Buffer.concat(Array<Buffer>(16).fill(row));
    const turned = await sharp(raw, { raw: { width: 16, height: 16, channels: 3 } })
      .withMetadata({ orientation: 6 })
      .png()
      .toBuffer();
    const path = await file('turned.png', turned);
    const pixels = await pixelsOf(path, { width: 4, height: 4 });
    expect(pixels.slice(0, 3)).toEqual([250, 0, 0]);
    expect(pixels.slice(9, 12)).toEqual([250, 0, 0]);
    expect(pixels.slice(-3)).toEqual([0, 0, 250]);
  });

  it.each([
    [1, 1],
    [1, 400],
    [400, 1],
  ])('enlarges an image of %i x %i pixels', async (width, height) => {
    const image = await plain(width, height, { r: 10, g: 200, b: 30 }).png().toBuffer();
    const path = await file('tiny.png', image);
    for (const resize of ['cover', 'stretch'] as const) {
      const pixels = await pixelsOf(path, { resize });
      expect(pixels).toHaveLength(24 * 32 * 3);
      for (let i = 0; i < pixels.length; i += 3) {
        expect(pixels.slice(i, i + 3)).toEqual([10, 200, 30]);
      }
    }
  });

  it('pads, crops and stretches as told', async () => {
    // Three squares side by side: red, green, blue.
    const square = (background: Color): Promise<Buffer> => plain(8, 8, background).png().toBuffer();
    const strip = await sharp(await square({ r: 255, g: 0, b: 0 }))
      .extend({ right: 16, background: { r: 0, g: 0, b: 255 } })
      .composite([{ input: await square({ r: 0, g: 255, b: 0 }), left: 8, top: 0 }])
      .png()
      .toBuffer();
    const path = await file('strip.png', strip);
    const frame = { width: 3, height: 3 };
    const red = [255, 0, 0];
    const green = [0, 255, 0];
    const blue = [0, 0, 255];
    const grey = [7, 7, 7];
    const rows = (...row: number[][]): number[] => [row, row, row].flat(2);
    const stretched = await pixelsOf(path, { ...frame, resize: 'stretch' });
    expect(difference(stretched, rows(red, green, blue))).toBeLessThan(40);
    const centre = await pixelsOf(path, { ...frame, resize: 'cover' });
    expect(difference(centre, rows(green, green, green))).toBeLessThan(40);
    const start = await pixelsOf(path, { ...frame, resize: 'cover', position: 'left-top' });
    expect(difference(start, rows(red, red, red))).toBeLessThan(40);
    const padded = await pixelsOf(path, { ...frame, resize: 'contain', padding: 7 });
    expect(padded.slice(0, 9)).toEqual([grey, grey, grey].flat());
    expect(padded.slice(-9)).toEqual([grey, grey, grey].flat());
    const top = { ...frame, resize: 'contain', position: 'left-top', padding: 7 } as const;
    const fromTop = await pixelsOf(path, top);
    expect(fromTop.slice(9)).toEqual(Array<number[]>(6).fill(grey).flat());
    expect(fromTop[0]).toBeGreaterThan(150);
  });

  it.each([0.02, 0.5, 0.9, 0.999])('rejects a JPEG cut off at %f of its length', async (share) => {
    const whole = await readFile(photo);
    const path = await file('cut.jpg', whole.subarray(0, Math.floor(whole.length * share)));
    expect(await reasonFor(path)).toMatch(damaged);
  });

  it('rejects a JPEG with broken data inside, which decodes to grey otherwise', async () => {
    const broken = await readFile(photo);
    for (let i = 0; i < 300; i += 1) broken[100_000 + i] = (i * 37) & 0xff;
    expect(await reasonFor(await file('broken.jpg', broken))).toBe(damagedData);
  });

  it('accepts a JPEG with something after its end', async () => {
    const whole = await readFile(photo);
    const path = await file('longer.jpg', Buffer.concat([whole, Buffer.alloc(500, 1)]));
    expect(await pixelsOf(path)).toEqual(await pixelsOf(photo));
  });

  it.each(['png', 'webp', 'gif', 'tiff', 'avif'] as const)(
    'rejects a cut-off %s',
    async (format) => {
      const whole = await sharp(photo).resize(96, 72).toFormat(format).toBuffer();
      const path = await file(`cut.${format}`, whole.subarray(0, whole.length >> 1));
      expect(await reasonFor(path)).toMatch(damaged);
    },
  );

  it('rejects text, an empty file and a missing one with a reason of one line', async () => {
    expect(await reasonFor(await file('text.jpg', 'not a picture'))).toBe(unsupported);
    expect(await reasonFor(await file('empty.jpg', ''))).toBe(unsupported);
    expect(await reasonFor(join(folder, 'missing.jpg'))).toBe('Input file is missing');
  });

  it('tells good images from damaged ones while both are decoded side by side', async () => {
    const whole = await readFile(photo);
    const cut = await file('cut.jpg', whole.subarray(0, whole.length >> 1));
    const text = await file('text.jpg', 'not a picture');
    const expected = await pixelsOf(photo);
    const rounds = Array.from({ length: 12 }, () => [
      expect(pixelsOf(photo)).resolves.toEqual(expected),
      expect(reasonFor(cut)).resolves.toBe(damagedData),
      expect(reasonFor(text)).resolves.toBe(unsupported),
    ]);
    await Promise.all(rounds.flat());
  });

  it('rejects an image of more pixels than allowed', async () => {
    const path = await file('large.png', await plain(100, 101, 'red').png().toBuffer());
    expect(await reasonFor(path, 10_000)).toMatch(/exceeds pixel limit/);
    expect(await reasonFor(path, 10_100)).toBe('it was decoded');
  });

  it.each([0, NaN, 1.5])('refuses a limit of %s pixels', (maxPixels) => {
    expect(() => imageDecoder(spec, maxPixels)).toThrow(
      /maxPixels must be a positive whole number/,
    );
  });
});
