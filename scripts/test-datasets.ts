/**
 * Compares TF-Slim's preprocessing as it is here with TensorFlow's own operations, on photographs
 * and on images of every odd kind. TensorFlow comes from PyPI into a virtual environment of its own.
 *
 * Without Python nothing is tested, which is said, and no failure.
 */
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { samplePhotos } from '../examples/photos.ts';
import { imageDecoder } from '../src/datasets/decode-image.ts';
import type { PreprocessingName } from '../src/datasets/image-signature.ts';
import { preprocessingHints } from '../src/datasets/image-signature.ts';
import { CheckList, expect } from './check-list.ts';
import { findPython, preparePython } from './client-environment.ts';
import { run } from './npm.ts';

const root = path.join(import.meta.dirname, '..');
const script = path.join(root, 'tests/datasets/slim_reference.py');
const cache = path.join(root, 'node_modules/.cache/dnnscaler-datasets');
const expectedFile = path.join(root, 'src/datasets/slim-expected.json');

type SlimRule = Extract<PreprocessingName, `slim-${string}`>;

/** A network size for each rule, and what may differ, in grey levels of 0 to 255. */
const cases: readonly { readonly rule: SlimRule; readonly size: number }[] = [
  { rule: 'slim-inception', size: 224 },
  { rule: 'slim-inception', size: 299 },
  { rule: 'slim-inception', size: 331 },
  { rule: 'slim-inception', size: 128 },
  { rule: 'slim-vgg', size: 224 },
];

/** Of single precision alone. */
const exactTolerance = { mean: 0.001, largest: 0.001 };
/**
 * What JPEG files may differ by, with TensorFlow decoding accurately, as libvips does, and in its
 * default way, which is faster and coarser.
 */
const jpegTolerances = {
  INTEGER_ACCURATE: { mean: 0.01, largest: 1 },
  INTEGER_FAST: { mean: 1.5, largest: 20 },
};

const python = process.env.DNNSCALER_TENSORFLOW_PYTHON ?? environment();
if (python === undefined) {
  console.log('no python3 with venv here (or in PYTHON): nothing was compared with TensorFlow');
} else {
  const checks = new CheckList('datasets');
  const images = path.join(cache, 'images');
  rmSync(images, { recursive: true, force: true });
  mkdirSync(images, { recursive: true });
  const { exact, jpeg } = await makeImages(images);
  checks.check('the expected values of the default suite are what TensorFlow gives', () => {
    const given = JSON.parse(reference(python, ['expected'])) as unknown;
    const kept = JSON.parse(readFileSync(expectedFile, 'utf8')) as unknown;
    expect(JSON.stringify(given) === JSON.stringify(kept), `${expectedFile} is out of date`);
  });
  for (const { rule, size } of cases) {
    const compareAll = async (
      dct: keyof typeof jpegTolerances,
      files: readonly string[],
      tolerance: { readonly mean: number; readonly largest: number },
    ): Promise<void> => {
      reference(python, ['images', rule, String(size), dct, ...files]);
      for (const file of files) {
        const { mean, largest } = await compare(file, rule, size);
        const found = `mean ${mean.toFixed(5)}, largest ${largest.toFixed(5)} grey levels`;
        const how = file.endsWith('.jpg') ? `, ${dct}` : '';
        checks.check(`${rule} ${size}: ${path.basename(file)}${how}: ${found}`, () => {
          expect(mean <= tolerance.mean && largest <= tolerance.largest, found);
        });
      }
    };
    await compareAll('INTEGER_ACCURATE', exact, exactTolerance);
    await compareAll('INTEGER_ACCURATE', jpeg, jpegTolerances.INTEGER_ACCURATE);
    await compareAll('INTEGER_FAST', jpeg, jpegTolerances.INTEGER_FAST);
  }
  process.exitCode = checks.close();
}

function environment(): string | undefined {
  const found = findPython();
  if (found === undefined) return undefined;
  const requirements = path.join(root, 'tests/datasets/requirements.txt');
  return preparePython('TensorFlow', path.join(cache, 'python'), requirements, found);
}

/** Lossless ones, which both decode to the same pixels, and photographs as JPEG files. */
async function makeImages(
  folder: string,
): Promise<{ readonly exact: readonly string[]; readonly jpeg: readonly string[] }> {
  const at = (name: string): string => path.join(folder, name);
  const photos = samplePhotos();
  const photo = photos[1] as string;
  const exact: string[] = [];
  const jpeg: string[] = [];
  for (const [i, file] of photos.entries()) {
    jpeg.push(at(`photo-${i}.jpg`));
    await sharp(file)
      .jpeg({ quality: 95 })
      .toFile(at(`photo-${i}.jpg`));
    if (i > 2) continue;
    exact.push(at(`photo-${i}.png`));
    await sharp(file)
      .removeAlpha()
      .png()
      .toFile(at(`photo-${i}.png`));
  }
  const kinds: Readonly<Record<string, (name: string) => Promise<unknown>>> = {
    'small.png': (name) => sharp(photo).resize(90, 61).png().toFile(name),
    'grey.png': (name) => sharp(photo).toColourspace('b-w').png().toFile(name),
    'transparent.png': (name) => sharp(photo).ensureAlpha(0.5).png().toFile(name),
    '16-bit.png': (name) => sharp(photo).toColourspace('rgb16').png().toFile(name),
    'palette.png': (name) => sharp(photo).png({ palette: true, colours: 64 }).toFile(name),
  };
  for (const [name, make] of Object.entries(kinds)) {
    await make(at(name));
    exact.push(at(name));
  }
  await sharp(photo).toColourspace('b-w').jpeg({ quality: 95 }).toFile(at('grey.jpg'));
  await sharp(photo).withMetadata({ orientation: 6 }).jpeg().toFile(at('turned-by-exif.jpg'));
  jpeg.push(at('grey.jpg'), at('turned-by-exif.jpg'));
  return { exact, jpeg };
}

function reference(python: string, args: readonly string[]): string {
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '3', CUDA_VISIBLE_DEVICES: '' };
  const { status, stdout, output } = run(python, [script, ...args], {
    cwd: root,
    env,
    timeoutMs: 900_000,
  });
  expect(status === 0, output);
  return stdout;
}

/** Differences in grey levels of 0 to 255. */
async function compare(
  file: string,
  rule: SlimRule,
  size: number,
): Promise<{ readonly mean: number; readonly largest: number }> {
  const { resize, channelOrder } = preprocessingHints[rule];
  const spec = { resize, channelOrder, width: size, height: size } as const;
  const decode = imageDecoder({ ...spec, layout: 'NHWC', datatype: 'FP32' });
  const [tensor] = await decode(file);
  const own = tensor?.data as Float32Array;
  const bytes = readFileSync(`${file}.${rule}.${size}.f32`);
  const theirs = new Float32Array(new Uint8Array(bytes).buffer);
  expect(own.length === theirs.length, `${own.length} values against ${theirs.length}`);
  let sum = 0;
  let largest = 0;
  own.forEach((value, i) => {
    const difference = Math.abs(value - (theirs[i] as number));
    sum += difference;
    largest = Math.max(largest, difference);
  });
  return { mean: sum / own.length, largest };
}
