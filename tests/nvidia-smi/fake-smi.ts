import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** An executable that stands in for nvidia-smi; its behaviour is set by the environment. */
export const fakeSmi = path.join(import.meta.dirname, 'fake-smi.mjs');

/** Lets nvidia-smi's stand-in behave as told until `restore`, and remembers its processes. */
export function arrangeFakeSmi(behaviour: string): {
  /** Process ids of those started, in order. */
  starts(): readonly number[];
  restore(): void;
} {
  const folder = mkdtempSync(path.join(tmpdir(), 'fake-smi-'));
  const log = path.join(folder, 'starts.txt');
  process.env.FAKE_SMI = behaviour;
  process.env.FAKE_SMI_LOG = log;
  return {
    starts: () =>
      existsSync(log)
        ? readFileSync(log, 'utf8')
            .trim()
            .split('\n')
            .map((line) => Number.parseInt(line, 10))
        : [],
    restore: () => {
      delete process.env.FAKE_SMI;
      delete process.env.FAKE_SMI_LOG;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
