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

export interface ClientEnvironment {
  readonly python: string;
  /** Undefined when the package that pip found has no program in it. */
  readonly perfAnalyzer: string | undefined;
}

/**
 * A virtual environment with the required packages, made once and kept in the cache.
 *
 * @throws Error with what pip said when they cannot be installed
 */
export function prepareClients(
  root: string,
  requirementsFile: string,
  python: string,
): ClientEnvironment {
  const folder = path.join(root, 'node_modules/.cache/dnnscaler-clients');
  const bin = path.join(folder, process.platform === 'win32' ? 'Scripts' : 'bin');
  const stamp = path.join(folder, 'installed.txt');
  const requirements = readFileSync(requirementsFile, 'utf8');
  const ownPython = path.join(bin, 'python');
  if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== requirements) {
    console.log(`installing the clients from PyPI into ${path.relative(root, folder)}`);
    mkdirSync(folder, { recursive: true });
    orThrow(run(python, ['-m', 'venv', '--clear', folder], { cwd: root }));
    const install = ['-m', 'pip', 'install', '--disable-pip-version-check', '-q', '-r'];
    orThrow(run(ownPython, [...install, requirementsFile], { cwd: root, timeoutMs: 900_000 }));
    writeFileSync(stamp, requirements);
  }
  const perfAnalyzer = path.join(bin, 'perf_analyzer');
  return {
    python: ownPython,
    perfAnalyzer: existsSync(perfAnalyzer) ? perfAnalyzer : undefined,
  };
}

function orThrow({ status, output }: ReturnType<typeof run>): void {
  if (status !== 0) throw new Error(`the clients cannot be installed:\n${output}`);
}
