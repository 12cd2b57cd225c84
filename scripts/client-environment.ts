import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { run } from './npm.ts';

/** A Python that can make virtual environments; `PYTHON` names one. */
export function findPython(): string | undefined {
  const candidates =
    process.env.PYTHON === undefined ? ['python3', 'python'] : [process.env.PYTHON];
  return candidates.find((command) => {
    const check = 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 9))';
    return run(command, ['-c', check], { cwd: process.cwd() }).status === 0;
  });
}

/**
 * Makes a virtual environment with the required packages, once.
 *
 * @param what the packages, for people
 * @returns its Python
 * @throws Error with what pip said when they cannot be installed
 */
export function preparePython(
  what: string,
  folder: string,
  requirementsFile: string,
  python: string,
): string {
  const bin = path.join(folder, process.platform === 'win32' ? 'Scripts' : 'bin');
  const stamp = path.join(folder, 'installed.txt');
  const requirements = readFileSync(requirementsFile, 'utf8');
  const ownPython = path.join(bin, 'python');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== requirements) {
    console.log(`installing ${what} from PyPI into ${path.relative('.', folder)}`);
    mkdirSync(folder, { recursive: true });
    orThrow(what, run(python, ['-m', 'venv', '--clear', folder], { cwd: folder }));
    const install = ['-m', 'pip', 'install', '--disable-pip-version-check', '-q', '-r'];
    const limit = { cwd: folder, timeoutMs: 1_800_000 };
    orThrow(what, run(ownPython, [...install, requirementsFile], limit));
    writeFileSync(stamp, requirements);
  }
  return ownPython;
}

/** Frameworks that more than one suite needs, each with the packages that go along. */
export type Framework = 'tensorflow' | 'pytorch';

/** The environment of a framework, shared by the suites: `tests/requirements-FRAMEWORK.txt`. */
export function prepareFramework(framework: Framework, root: string, python: string): string {
  return preparePython(
    `the packages of ${framework}`,
    path.join(root, 'node_modules/.cache', `dnnscaler-${framework}`),
    path.join(root, `tests/requirements-${framework}.txt`),
    python,
  );
}

function orThrow(what: string, { status, output }: ReturnType<typeof run>): void {
  if (status !== 0) throw new Error(`${what} cannot be installed:\n${output}`);
}
