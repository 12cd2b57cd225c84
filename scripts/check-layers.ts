/**
 * Checks that every file of `src/` imports only from its own layer or lower ones; exits with 1 and a
 * line per violation otherwise.
 */
import path from 'node:path';
import { checkProject, formatViolation } from './layers.ts';

const { files, violations } = checkProject(path.join(import.meta.dirname, '..'));
for (const violation of violations) console.error(formatViolation(violation));
console.log(`${files} files checked, ${violations.length} against the layers`);
process.exitCode = violations.length === 0 ? 0 : 1;
