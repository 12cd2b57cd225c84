/**
 * Runs networks on ONNX Runtime's WebGPU provider and compares the results with the CPU's. Takes the
 * GPU driver of this machine, and without a usable one Mesa's driver for the CPU, which proves that
 * results are right and says nothing about speed.
 *
 * Where neither can be had, it says why and ends with 0.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { openOnnxEngine } from '../src/engines/onnx/index.ts';
import type { OnnxEngine, Provider } from '../src/engines/onnx/index.ts';
import type { RunOutcome } from '../src/engines/engine.ts';
import { tryProvider } from '../src/engines/onnx/provider-trial.ts';
import { Random } from '../src/random.ts';
import type { Row } from '../src/tensor/row.ts';
import { cachedModel } from '../src/zoo/cache.ts';
import { writeModelFile } from '../src/zoo/model-file.ts';
import { findNetwork } from '../src/zoo/registry.ts';
import { trialInput, trialModel } from '../src/zoo/trial-model.ts';
import { CheckList, expect } from './check-list.ts';
import { softwareVulkan } from './software-vulkan.ts';

const network = 'mobilenet_v1_025';
const root = path.join(import.meta.dirname, '..');
/** Only against what hangs: kernels are compiled by and for a busy CPU. */
const limitMs = 600_000;
/** Largest difference of a probability between the two providers. */
const tolerance = 1e-3;

const checks = new CheckList('webgpu');
const folder = mkdtempSync(path.join(tmpdir(), 'dnnscaler-webgpu-'));
try {
  const modelPath = path.join(folder, 'trial.onnx');
  await writeModelFile(trialModel(), modelPath);
  const driver = await findDriver(modelPath);
  if ('why' in driver) {
    checks.skip('everything', driver.why);
    checks.close();
  } else {
    console.log(`with ${driver.what}`);
    await testModel('a small model, 2 processes, batches of 4', {
      modelPath,
      makeRow: randomImage,
      point: { batchSize: 4, instances: 2 },
    });
    const zoo = findNetwork(network);
    await testModel(`${network}, 1 process`, {
      modelPath: await cachedModel(network),
      makeRow: (random) => zoo.makeRow(random),
      point: { batchSize: 1, instances: 1 },
    });
    process.exitCode = checks.close();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}

/** Finds a driver that works, and puts it into this process's environment. */
async function findDriver(modelPath: string): Promise<{ what: string } | { why: string }> {
  const row = randomImage(new Random(1));
  const trial = async (): Promise<string | undefined> => {
    const outcome = await tryProvider({ provider: 'webgpu', modelPath, row, limitMs });
    return outcome.works ? undefined : outcome.error.message;
  };
  const own = await trial();
  if (own === undefined) return { what: 'the GPU driver of this machine' };
  const software = softwareVulkan(path.join(root, 'node_modules/.cache/dnnscaler-vulkan'));
  if (!software.found) return { why: `${own}; ${software.why}` };
  // Instances are processes, which get this environment when they start.
  Object.assign(process.env, software.environment);
  const why = await trial();
  return why === undefined ? { what: software.what } : { why: `${software.what}: ${why}` };
}

interface Case {
  readonly modelPath: string;
  readonly makeRow: (random: Random) => Row;
  readonly point: { readonly batchSize: number; readonly instances: number };
}

/** Gives both providers the same rows, a batch for each instance at the same time. */
async function testModel(what: string, { modelPath, makeRow, point }: Case): Promise<void> {
  const random = new Random(7);
  const batches = Array.from({ length: point.instances }, () =>
    Array.from({ length: point.batchSize }, () => makeRow(random)),
  );
  try {
    const replies = await answers('webgpu', modelPath, batches, point);
    const expected = await answers('cpu', modelPath, batches, { ...point, instances: 1 });
    const difference = largestDifference(replies, expected);
    checks.check(what, () => {
      expect(difference <= tolerance, `probabilities differ by up to ${difference}`);
      console.log(`      largest difference to the CPU ${difference.toExponential(1)}`);
    });
  } catch (error) {
    checks.check(what, () => {
      throw error;
    });
  }
}

async function answers(
  provider: Provider,
  modelPath: string,
  batches: readonly (readonly Row[])[],
  point: Case['point'],
): Promise<readonly Row[]> {
  const { batchSize: maxBatchSize, instances: maxInstances } = point;
  const engine = await openOnnxEngine({
    ...{ provider, modelPath, maxBatchSize, maxInstances, isolation: 'process' },
    ...{ runLimitMs: limitMs, loadLimitMs: limitMs },
  });
  try {
    await new Promise<void>((resolve, reject) => {
      engine.apply(point, (error, reached) => {
        if (error !== null) reject(error);
        else if (reached.instances === point.instances) resolve();
        else reject(new Error(`only ${reached.instances} of ${point.instances} instances started`));
      });
    });
    const results: Row[][] = [];
    if (provider === 'cpu') for (const rows of batches) results.push(await runBatch(engine, rows));
    else results.push(...(await Promise.all(batches.map((rows) => runBatch(engine, rows)))));
    return results.flat();
  } finally {
    await engine.close();
  }
}

function runBatch(engine: OnnxEngine, rows: readonly Row[]): Promise<Row[]> {
  return new Promise((resolve, reject) => {
    engine.run(rows, (outcome: RunOutcome<Row>) => {
      if (outcome.kind !== 'done') reject(outcome.error);
      else resolve(rows.map((_, index) => outcome.replies.replyAt(index)));
    });
  });
}

function largestDifference(a: readonly Row[], b: readonly Row[]): number {
  expect(a.length === b.length && a.length > 0, `${a.length} replies for ${b.length}`);
  let largest = 0;
  for (const [index, row] of a.entries()) {
    const [left, right] = [row, b[index]].map((each) => each?.[0]?.data as Float32Array);
    expect(left?.length === right?.length, 'replies of different lengths');
    // Not a number is no small difference.
    left?.forEach((value, at) => {
      const difference = Math.abs(value - (right?.[at] ?? Number.NaN));
      if (!(difference <= largest)) largest = difference;
    });
  }
  return Number.isNaN(largest) ? Number.POSITIVE_INFINITY : largest;
}

function randomImage(random: Random): Row {
  const length = trialInput.dims.reduce((a, b) => a * b, 1);
  return [{ data: Float32Array.from({ length }, () => random.normal()), dims: trialInput.dims }];
}
