/** Runs the tests under the supported Node.js versions other than the running one. */
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { CheckList, expect } from './check-list.ts';
import { nodeBinary } from './node-binaries.ts';
import { cleanEnvironment } from './npm.ts';

const running = Number.parseInt(process.versions.node, 10);
const majors = [20, 22, 24].filter((major) => major !== running);
const root = path.join(import.meta.dirname, '..');

const checks = new CheckList('nodes');
for (const major of majors) {
  const binary = nodeBinary(major);
  if (!binary.found) {
    checks.skip(`Node ${major}`, binary.why);
    continue;
  }
  checks.check(`the tests under Node ${binary.version}`, () => {
    const { status } = spawnSync(binary.file, ['node_modules/vitest/vitest.mjs', 'run'], {
      cwd: root,
      env: cleanEnvironment(binary.file),
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    expect(status === 0, `vitest exited with ${status}`);
  });
}
process.exitCode = checks.close();
