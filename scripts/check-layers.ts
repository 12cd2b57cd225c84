/**
 * Checks that every file of `src/` imports only from its own layer or lower ones; exits with 1 and a
 * line per violation otherwise. An argument names another root to check.
 */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { checkFile, formatViolation } from './layers.ts';

const root = path.resolve(process.argv[2] ?? path.join(import.meta.dirname, '..'));
const { name } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
  name: string;
};
const files = readdirSync(path.join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .map((file) => `src/${file.replaceAll(path.sep, '/')}`)
  .filter((file) => /\.[cm]?[jt]s$/.test(file))
  .sort();
if (files.length === 0) throw new Error(`no source files under ${path.join(root, 'src')}`);

const violations = files.flatMap((file) =>
  checkFile(file, readFileSync(path.join(root, file), 'utf8'), name),
);
for (const violation of violations) console.error(formatViolation(violation));
console.log(`${files.length} files checked, ${violations.length} imports against the layers`);
process.exitCode = violations.length === 0 ? 0 : 1;
