/**
 * Models that other frameworks export, on their way through `dnnscaler model inspect`,
 * `model make-batchable`, `run` and `serve`: TensorFlow's frozen graphs and Keras by tf2onnx, PyTorch
 * and Hugging Face transformers by PyTorch's exporter. The frameworks come from PyPI, each group
 * into an environment of its own; nothing is fetched from a hub.
 *
 * `npm run test:models -- tensorflow` runs one group. Without Python nothing is tested, which is
 * said, and no failure.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { CheckList, expect } from './check-list.ts';
import { findPython, prepareFramework } from './client-environment.ts';
import type { Framework } from './client-environment.ts';
import { cleanEnvironment, run } from './npm.ts';
import type { Ran } from './npm.ts';
import { startServer } from './served-process.ts';

/** What is asked of one exported model. */
interface Expected {
  readonly name: string;
  /** How the file comes with its batch. */
  readonly batch: 'open' | number;
  /** Arguments that say the sizes which the file leaves open. */
  readonly shape?: readonly string[];
}

const groups: Readonly<Record<Framework, readonly Expected[]>> = {
  tensorflow: [
    { name: 'tf_frozen', batch: 'open' },
    { name: 'tf_frozen_batch4', batch: 4 },
    { name: 'keras_image', batch: 'open' },
  ],
  pytorch: [
    { name: 'torch_image', batch: 'open' },
    { name: 'torch_fixed', batch: 1 },
    { name: 'hf_bert', batch: 'open', shape: ['--shape', 'input_ids=1,16'] },
  ],
};

const root = path.join(import.meta.dirname, '..');
const tests = path.join(root, 'tests/models');
const checks = new CheckList('models');
const wanted = process.argv.slice(2);
const unknown = wanted.find((name) => !Object.hasOwn(groups, name));
if (unknown !== undefined) {
  throw new Error(`there is no group ${unknown}, only ${Object.keys(groups).join(' and ')}`);
}

const python = findPython();
if (python === undefined) {
  console.log('no python3 with venv here (or in PYTHON): no exported model was tested');
} else {
  const scratch = mkdtempSync(path.join(tmpdir(), 'dnnscaler-models-'));
  try {
    for (const group of Object.keys(groups) as Framework[]) {
      if (wanted.length > 0 && !wanted.includes(group)) {
        checks.skip(group, `only ${wanted.join(' and ')} was asked for`);
      } else await testGroup(group, path.join(scratch, group), python);
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
  process.exitCode = checks.close();
}

async function testGroup(group: Framework, folder: string, python: string): Promise<void> {
  const models = groups[group];
  const own = prepareFramework(group, root, python);
  mkdirSync(folder, { recursive: true });
  const exported = checks.check(`${group}: models are exported`, () => {
    const env = { ...cleanEnvironment(), PYTHONDONTWRITEBYTECODE: '1', HF_HUB_OFFLINE: '1' };
    const script = [`${group}_models.py`, folder];
    const ran = run(own, script, { cwd: tests, env, timeoutMs: 900_000 });
    expect(ran.status === 0, ran.output);
  });
  if (!exported) return;
  for (const model of models) {
    const file = testModel(model, folder);
    if (existsSync(file)) await testAnswers(model, file, folder);
  }
}

/** Looks at a model, opens its batch if need be, runs it, and returns the file that can be served. */
function testModel({ name, batch, shape = [] }: Expected, folder: string): string {
  const file = path.join(folder, `${name}.onnx`);
  checks.check(`${name}: its batch is ${batch === 'open' ? 'open' : `fixed at ${batch}`}`, () => {
    const report = json(dnnscaler('model', 'inspect', file, ...shape, '--json'));
    const kind = batch === 'open' ? 'symbolic' : 'fixed';
    expect(report.declaredBatch.kind === kind, JSON.stringify(report.declaredBatch));
    const tried = batch === 'open' ? 'proven' : batch === 1 ? 'single' : 'fixed';
    expect(report.batchability.kind === tried, JSON.stringify(report.batchability));
    expect(report.multiplyAdds > 1000 && report.parameters > 100, JSON.stringify(report));
    expect(report.multiplyAddsNotCounted.length === 0, report.multiplyAddsNotCounted.join('\n'));
  });
  let served = file;
  if (batch !== 'open') {
    served = path.join(folder, 'batchable', `${name}.onnx`);
    checks.check(`${name}: its batch is opened, and proven to be`, () => {
      const made = json(dnnscaler('model', 'make-batchable', file, '--out', served, '--json'));
      console.log(`      ${made.changes.join('\n      ')}`);
      const after = json(dnnscaler('model', 'inspect', served, '--json'));
      expect(after.batchability.kind === 'proven', JSON.stringify(after.batchability));
    });
  }
  checks.check(`${name}: runs under an SLO`, () => {
    const args = ['--slo', '5s', '--duration', '6s', '--max-batch', '8', '--json', '--quiet'];
    const ran = dnnscaler('run', served, ...shape, ...args);
    // On a machine with other work to do, the objective may not be held: it is not at stake here.
    expect(ran.status === 0 || ran.status === 1 || ran.status === 3, ran.output);
    const result = JSON.parse(ran.stdout) as { verdict: string; approach: string | null };
    console.log(`      ${result.verdict}, ${result.approach ?? 'no approach yet'}`);
  });
  return served;
}

/** Serves a model and compares what it answers with what its framework gave. */
async function testAnswers(
  { name, shape = [] }: Expected,
  file: string,
  folder: string,
): Promise<void> {
  const answered = async (): Promise<number> => {
    const server = await startServer(root, [file, ...shape, '--slo', '5s', '--calibrate', '0s']);
    try {
      return await answerDifference(server.httpTarget, name, folder);
    } finally {
      await server.stop();
    }
  };
  const difference = await answered().catch((error: unknown) => String(error));
  checks.check(`${name}: answers as its framework does`, () => {
    expect(typeof difference === 'number', String(difference));
    expect(difference < 1e-4, `the largest difference is ${difference} of the largest value`);
    console.log(`      largest difference ${difference.toPrecision(2)} of the largest value`);
  });
}

interface Tensor {
  readonly name: string;
  readonly data: readonly number[];
}

/** Greatest difference between the served and the exported answer, relative to the largest value. */
async function answerDifference(host: string, name: string, folder: string): Promise<number> {
  const reference = JSON.parse(readFileSync(path.join(folder, `${name}.json`), 'utf8')) as {
    inputs: readonly Tensor[];
    outputs: readonly Tensor[];
  };
  const answer = await fetch(`http://${host}/v2/models/${name}/infer`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ inputs: reference.inputs }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(text);
  const { outputs } = JSON.parse(text) as { outputs: readonly Tensor[] };
  let furthest = 0;
  for (const expected of reference.outputs) {
    // Keras names its outputs itself.
    const got =
      expected.name === '' ? outputs[0] : outputs.find((each) => each.name === expected.name);
    if (got?.data.length !== expected.data.length) return Infinity;
    const largest = Math.max(...expected.data.map(Math.abs));
    const apart = expected.data.map((value, i) => Math.abs(value - (got.data[i] ?? NaN)));
    if (apart.some(Number.isNaN) || largest === 0) return Infinity;
    furthest = Math.max(furthest, ...apart.map((each) => each / largest));
  }
  return furthest;
}

function dnnscaler(...args: string[]): Ran {
  return run(process.execPath, [path.join(root, 'dist/cli/main.js'), ...args], { cwd: root });
}

/** What a command of ours printed with --json. */
interface Printed {
  readonly declaredBatch: { readonly kind: string };
  readonly batchability: { readonly kind: string };
  readonly multiplyAdds: number;
  readonly parameters: number;
  readonly multiplyAddsNotCounted: readonly string[];
  readonly changes: readonly string[];
}

function json(ran: Ran): Printed {
  expect(ran.status === 0, ran.output);
  return JSON.parse(ran.stdout) as Printed;
}
