/**
 * Compares the image networks of the zoo with the same networks that others wrote, in TensorFlow with
 * TF-Slim and Keras from PyPI, in a virtual environment of their own: one set of weights in both, the
 * same photographs, and nearly the same results. ONNX's checker and ONNX Runtime see every file, too.
 *
 * `--quick` takes one of each family that is quick; names of networks take those alone. Without Python
 * nothing is compared, which is said, and no failure.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { samplePhotos } from '../examples/photos.ts';
import { renderTable } from '../src/cli/text-table.ts';
import { countOf } from '../src/zoo/counts.ts';
import { sha256OfFile } from '../src/zoo/file-digest.ts';
import { writeModelFile } from '../src/zoo/model-file.ts';
import { encodeModel } from '../src/zoo/onnx/write.ts';
import { findNetwork, zooNetworks } from '../src/zoo/registry.ts';
import { requiredWeights } from '../src/zoo/weight-files/weights-report.ts';
import { CheckList, expect } from './check-list.ts';
import { findPython, prepareFramework } from './client-environment.ts';
import { comparableWeights } from './comparable-weights.ts';
import { openComparer } from './network-comparer.ts';
import type { Comparer, Comparison } from './network-comparer.ts';
import { run } from './npm.ts';

/** The largest difference of outputs, relative to the largest output. */
const maxError = 1e-4;

/** A row of a batch against the same row alone: the order of summation may differ, nothing else. */
const maxRowError = 1e-5;

/** Far below the 356 MB of the largest file, with room for Node.js and for garbage not yet collected. */
const maxPeakMiB = 300;

const quickNetworks = [
  'mobilenet_v1_025',
  'mobilenet_v2_100',
  'inception_v1',
  'inception_v2',
  'resnet_v2_50',
];

/** Networks whose weights also go through files that Python writes. */
const throughFiles = ['mobilenet_v1_025', 'inception_v2'];

const root = path.join(import.meta.dirname, '..');
const tests = path.join(root, 'tests/zoo');
const cache = path.join(root, 'node_modules/.cache/dnnscaler-zoo');
const models = path.join(cache, 'models');

interface Built {
  readonly seconds: number;
  readonly peakMiB: number;
}

const python = findPython();
if (python === undefined) {
  console.log('no python3 with venv here (or in PYTHON): no network was compared');
} else {
  const zooPython = prepareFramework('tensorflow', root, python);
  mkdirSync(models, { recursive: true });
  const checks = new CheckList('zoo');
  const comparer = openComparer(zooPython, [
    path.join(tests, 'compare.py'),
    models,
    ...samplePhotos().slice(0, 2),
  ]);
  const rows: string[][] = [];
  try {
    for (const name of chosen(process.argv.slice(2))) {
      rows.push(await compareNetwork(checks, comparer, name, zooPython));
    }
  } finally {
    comparer.close();
    rmSync(models, { recursive: true, force: true });
  }
  printTable(rows);
  process.exitCode = checks.close();
}

function chosen(args: readonly string[]): readonly string[] {
  if (args.includes('--quick')) return quickNetworks;
  if (args.length > 0) return args.map((name) => findNetwork(name).name);
  return zooNetworks.filter(({ image }) => image !== undefined).map(({ name }) => name);
}

/** Checks one network and gives its row of the table. */
async function compareNetwork(
  checks: CheckList,
  comparer: Comparer,
  name: string,
  zooPython: string,
): Promise<string[]> {
  let built: Built | undefined;
  checks.check(`${name}: is built in bounded memory`, () => {
    built = build(name, models);
    expect(built.peakMiB < maxPeakMiB, `took ${built.peakMiB} MiB of memory`);
  });
  const graph = findNetwork(name).build({
    weights: comparableWeights(1, name.startsWith('mobilenet')),
  });
  await writeModelFile(encodeModel(graph), path.join(models, `${name}.comparable.onnx`));
  const found = await comparer.compare(name);
  checks.check(`${name}: passes the checker, and rows of a batch give what they give alone`, () => {
    const { rows } = found;
    expect(rows !== undefined, found.error ?? 'no answer');
    expect(rows < maxRowError, `rows of a batch are ${rows} off`);
  });
  checks.check(`${name}: computes what the same network of others computes`, () => {
    const { logits, probabilities, spread } = found;
    expect(
      logits !== undefined && probabilities !== undefined && spread !== undefined,
      found.error ?? 'no answer',
    );
    const error = Math.max(logits, probabilities);
    expect(error < maxError, `${error} off ${found.against}`);
    expect(spread > 0.1, `different images give outputs only ${spread} apart`);
    console.log(`      ${error.toExponential(1)} off ${found.against}`);
  });
  if (throughFiles.includes(name)) await checkWeightFiles(checks, name, zooPython);
  for (const file of [`${name}.onnx`, `${name}.comparable.onnx`]) rmSync(path.join(models, file));
  return rowOf(name, found, built);
}

/** Builds with the command line, as users do. */
function build(name: string, out: string, ...more: readonly string[]): Built {
  const report = 'process.on("exit",()=>console.error(process.resourceUsage().maxRSS))';
  const cli = path.join(root, 'dist/cli/main.js');
  const startMs = performance.now();
  const ran = run(
    process.execPath,
    [
      ...['--import', `data:text/javascript,${report}`, cli],
      ...['zoo', 'build', name, '--out', out, ...more],
    ],
    { cwd: root },
  );
  const seconds = (performance.now() - startMs) / 1000;
  expect(ran.status === 0, ran.output);
  return { seconds, peakMiB: Math.round(Number(ran.output.split('\n').at(-1)) / 1024) };
}

/** The weights of a file, written by safetensors and NumPy and read back, give the same file. */
async function checkWeightFiles(checks: CheckList, name: string, zooPython: string): Promise<void> {
  const model = path.join(models, `${name}.onnx`);
  const shapes = path.join(models, 'shapes.json');
  const weights = path.join(models, 'weights');
  writeFileSync(shapes, JSON.stringify(requiredWeights(findNetwork(name))));
  const expected = await sha256OfFile(model);
  const again = path.join(models, 'again');
  for (const ending of ['safetensors', 'npz']) {
    const wrote = run(zooPython, [path.join(tests, 'write_weights.py'), model, shapes, weights], {
      cwd: tests,
    });
    const actual =
      wrote.status === 0
        ? await builtWith(`${weights}.${ending}`).catch((error: unknown) => String(error))
        : wrote.output;
    checks.check(`${name}: is the same from weights in .${ending}`, () =>
      expect(actual === expected, `${actual} instead of ${expected}`),
    );
  }

  async function builtWith(file: string): Promise<string | undefined> {
    build(name, again, '--weights', file);
    return sha256OfFile(path.join(again, `${name}.onnx`));
  }
}

function rowOf(name: string, found: Comparison, built: Built | undefined): string[] {
  const { parameters, multiplyAdds } = countOf(findNetwork(name).build());
  const error = (value: number | undefined): string => value?.toExponential(1) ?? '';
  return [
    name,
    found.against ?? '',
    error(found.logits),
    error(found.probabilities),
    error(found.rows),
    (parameters / 1e6).toFixed(3),
    (multiplyAdds / 1e6).toFixed(1),
    built?.seconds.toFixed(1) ?? '',
    built?.peakMiB.toString() ?? '',
  ];
}

function printTable(rows: readonly string[][]): void {
  const right = (heading: string) => ({ heading, align: 'right' }) as const;
  const columns = [
    { heading: 'network' },
    { heading: 'compared with' },
    right('scores'),
    right('probabilities'),
    right('rows'),
    right('parameters, M'),
    right('multiply-adds, M'),
    right('built in, s'),
    right('peak memory, MiB'),
  ];
  console.log(`\n${renderTable(columns, rows)}`);
  console.log('scores, probabilities, rows: the largest difference relative to the largest value');
}
