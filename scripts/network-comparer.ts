import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** What `tests/zoo/compare.py` found out about one network; errors are relative. */
export interface Comparison {
  /** Whose network it was compared with. */
  readonly against?: string;
  /** Of the scores before the softmax. */
  readonly logits?: number;
  readonly probabilities?: number;
  /** Of rows of a batch against the same rows alone. */
  readonly rows?: number;
  /** How far the scores of two images are apart. */
  readonly spread?: number;
  /** What went wrong. */
  readonly error?: string;
}

export interface Comparer {
  /** Compares the network of that name; one at a time. */
  compare(name: string): Promise<Comparison>;
  close(): void;
}

/** Starts the Python script that compares, which loads TensorFlow once for all networks. */
export function openComparer(python: string, args: readonly string[]): Comparer {
  const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn(python, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  let log = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (log += text));
  child.stdin.on('error', () => {
    // It has ended, which the missing answer tells.
  });
  const ended = new Promise<void>((resolve) => {
    child.on('error', (error) => {
      log += error.message;
      resolve();
    });
    child.on('close', () => {
      resolve();
    });
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    async compare(name) {
      child.stdin.write(`${name}\n`);
      const { value } = (await lines.next()) as { readonly value?: string };
      if (value !== undefined) return JSON.parse(value) as Comparison;
      await ended;
      return { error: `the comparison ended: ${log}` };
    },
    close() {
      child.stdin.end();
    },
  };
}
