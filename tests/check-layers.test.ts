import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkFile, checkProject, formatViolation, layers } from '../scripts/layers.ts';

function problems(file: string, source: string): string[] {
  return checkFile(file, source, 'dnnscaler').map(formatViolation);
}

describe('the layer check', () => {
  it('allows imports from the same and from lower layers, and from packages', () => {
    const source = `
      import { readFile } from 'node:fs/promises';
      import type { Engine } from '../engines/engine.ts';
      import { deployment } from './deployment.ts';
      import { Matrix } from 'ml-matrix';
      export * from '../errors.ts';
    `;
    expect(problems('src/serving/snapshot.ts', source)).toEqual([]);
  });

  it('names file, line, import and rule of an import from a higher layer', () => {
    const source = `import { a } from './a.ts';\nimport { b } from '../serving/b.ts';\n`;
    expect(problems('src/zoo/c.ts', source)).toEqual([
      "src/zoo/c.ts:2: '../serving/b.ts': zoo/ may not import from serving/, a higher layer",
    ]);
  });

  it.each([
    ["import type { A } from '../cli/a.ts';"],
    ["export { a } from '../cli/a.ts';"],
    ["export * from '../cli/a.ts';"],
    ["import '../cli/a.ts';"],
    ["const a = await import('../cli/a.ts');"],
    ["type A = import('../cli/a.ts').A;"],
    ["import a = require('../cli/a.ts');"],
    ["const a = require('../cli/a.ts');"],
    ['const a = await import(`../cli/a.ts`);'],
  ])('sees the import in %s', (source) => {
    expect(problems('src/zoo/c.ts', source)).toHaveLength(1);
  });

  it('does not take text that looks like an import for one', () => {
    const source = `const text = "import a from '../cli/a.ts'"; // import b from '../cli/b.ts'`;
    expect(problems('src/zoo/c.ts', source)).toEqual([]);
  });

  it.each(
    ['engines', 'batching', 'scaling'].flatMap((from) =>
      ['engines', 'batching', 'scaling'].filter((to) => to !== from).map((to) => [from, to]),
    ),
  )('keeps %s/ and %s/ apart', (from, to) => {
    const [problem] = problems(`src/${from}/a.ts`, `import type { B } from '../${to}/b.ts';`);
    expect(problem).toMatch(/never import each other/);
  });

  it('lets a leaf import another leaf, and nothing else', () => {
    expect(problems('src/slo.ts', "import { formatMs } from './units.ts';")).toEqual([]);
    expect(problems('src/slo.ts', "import { row } from './tensor/row.ts';")).toHaveLength(1);
  });

  it.each([
    ['model/a.ts', '../knowledge/b.ts'],
    ['model/a.ts', '../joint.ts'],
    ['knowledge/a.ts', '../joint.ts'],
  ])('keeps joint/%s from importing %s, which builds on it', (file, specifier) => {
    const [problem] = problems(`src/scaling/joint/${file}`, `import '${specifier}';`);
    expect(problem).toMatch(/which builds on it$/);
  });

  it('lets the rooms of joint/ import lower ones and what is beside it', () => {
    expect(problems('src/scaling/joint/joint.ts', "import './knowledge/a.ts';")).toEqual([]);
    expect(problems('src/scaling/joint/knowledge/a.ts', "import '../model/b.ts';")).toEqual([]);
    expect(problems('src/scaling/joint/model/a.ts', "import '../../scaler.ts';")).toEqual([]);
    expect(problems('src/scaling/fixed.ts', "import './joint/joint.ts';")).toEqual([]);
  });

  it('rejects folders and root files that have no layer', () => {
    expect(problems('src/helpers/a.ts', '')).toEqual([
      'src/helpers/a.ts:1: src/helpers belongs to no layer; give it its place in scripts/layers.ts',
    ]);
    expect(problems('src/misc.ts', '')).toHaveLength(1);
    expect(problems('src/cli/a.ts', "import { b } from '../helpers/b.ts';")).toHaveLength(1);
  });

  it('rejects ways around it: outside src, by package name, through a test', () => {
    expect(problems('src/cli/a.ts', "import { b } from '../../bench/b.ts';")).toHaveLength(1);
    expect(problems('src/zoo/a.ts', "import { b } from 'dnnscaler/serving';")).toHaveLength(1);
    expect(problems('src/cli/a.ts', "import { b } from '../zoo/b.test.ts';")).toHaveLength(1);
  });

  it('leaves tests alone', () => {
    expect(problems('src/zoo/a.test.ts', "import { b } from '../cli/b.ts';")).toEqual([]);
  });

  it('puts the command line on top and the leaves at the bottom', () => {
    expect([layers.at(0), layers.at(-1)]).toEqual(['cli', 'leaves']);
  });

  it('finds the violations of a project on disk, in nested folders too', () => {
    const root = mkdtempSync(path.join(tmpdir(), 'layers-'));
    try {
      writeFileSync(path.join(root, 'package.json'), '{ "name": "sample" }');
      mkdirSync(path.join(root, 'src/zoo/deep'), { recursive: true });
      expect(() => checkProject(root)).toThrow(/no source files/);
      writeFileSync(path.join(root, 'src/zoo/a.ts'), "import '../errors.ts';\n");
      expect(checkProject(root)).toEqual({ files: 1, violations: [] });
      writeFileSync(path.join(root, 'src/zoo/deep/b.ts'), "\nimport 'sample/cli';\n");
      const { files, violations } = checkProject(root);
      expect(files).toBe(2);
      expect(violations).toMatchObject([{ file: 'src/zoo/deep/b.ts', line: 2 }]);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
