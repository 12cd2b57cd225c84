import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { floats, ints, smallModel } from '../src/models/testing/small-models.ts';
import { cli } from './built-cli.ts';

let folder: string;
let file: string;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dnnscaler-model-'));
  file = join(folder, 'model.onnx');
  writeFileSync(
    file,
    smallModel({
      inputs: { x: [1, 2, 3] },
      outputs: { y: [1, 4] },
      constants: { target: ints(1, 6), w: floats(6, 4) },
      nodes: [
        ['Reshape', ['x', 'target'], ['flat']],
        ['MatMul', ['flat', 'w'], ['y']],
      ],
    }),
  );
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function model(...args: string[]): { code: number | null; stdout: string; stderr: string } {
  const ran = spawnSync(process.execPath, [cli, 'model', ...args], { encoding: 'utf8' });
  return { code: ran.status, stdout: ran.stdout, stderr: ran.stderr };
}

describe('dnnscaler model', () => {
  it('inspects a file, makes it batchable, and inspects what came out', () => {
    const before = model('inspect', file);
    expect(before.code).toBe(0);
    expect(before.stdout).toMatch(/inputs +x {2}FP32 \[1, 2, 3\]/);
    expect(before.stdout).toMatch(/multiply-adds +24 for one row/);
    expect(before.stdout).toMatch(
      /batch +fixed at 1 in every input\n +tried: rows run one at a time/,
    );

    const out = join(folder, 'batched.onnx');
    const made = model('make-batchable', file, '--out', out, '--quiet');
    expect(made.stderr).toBe('');
    expect(made.stdout).toMatch(/Reshape FLAT: \[1, 6\] -> \[-1, 6\]/);
    expect(made.stdout).toMatch(/every row of batches of 1, 2, 3, 7 gives what it gives alone/);

    const after = model('inspect', out, '--json');
    expect(JSON.parse(after.stdout)).toMatchObject({
      declaredBatch: { kind: 'symbolic', name: 'batch' },
      batchability: { kind: 'proven' },
    });
  });

  it('says what is wrong with what it is given, and leaves with 2', () => {
    const wrong: readonly (readonly [args: string[], message: RegExp])[] = [
      [['inspect', cli], /must be a whole ONNX model/],
      [['make-batchable', file], /--out/],
      [
        ['make-batchable', file, '--out', join(folder, 'o'), '--tolerance', '2'],
        /from 0 and under 1/,
      ],
      [['make-batchable', file, '--out', join(folder, 'o'), '--integers-below', 'x'], /NAME=N/],
    ];
    for (const [args, message] of wrong) {
      const ended = model(...args);
      expect(ended.stderr).toMatch(message);
      expect(ended.code).toBe(2);
    }
  });
});
