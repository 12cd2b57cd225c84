import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { invalidArgument } from '../../errors.ts';

/** The same network in another runtime: batches one after the other, input on the host. */
export interface YardstickPoint {
  readonly batchSize: number;
  readonly throughputPerS: number;
  readonly p95Ms: number;
}

export type Yardstick =
  | {
      /** Such as `PyTorch 2.8.0 on cuda (own module)`. */
      readonly runtime: string;
      readonly points: readonly YardstickPoint[];
    }
  | { readonly skipped: string };

export interface YardstickOptions {
  readonly python: string;
  readonly script: string;
  readonly network: string;
  readonly batchSizes: readonly number[];
  readonly device: 'cuda' | 'cpu';
  readonly limitMs: number;
  readonly pointMs: number;
  /** Ends it early. */
  readonly signal?: AbortSignal;
}

const longestWords = 300;

/**
 * Runs the yardstick's script, which prints a JSON object on each line: first its `runtime` or why it
 * `skipped`, then a point for each batch. What came before it was stopped counts.
 */
export function measureYardstick(options: YardstickOptions): Promise<Yardstick> {
  const { python, script, network, batchSizes, device, limitMs, pointMs, signal } = options;
  return new Promise((resolve) => {
    const args = [network, batchSizes.join(','), device, String(limitMs / 1000)];
    const child = spawn(python, [script, ...args, String(pointMs / 1000)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // It keeps its own time; this is for one that hangs.
      timeout: Math.ceil(limitMs) + 10_000,
      killSignal: 'SIGKILL',
      ...(signal && { signal }),
    });
    let runtime: string | undefined;
    let skipped: string | undefined;
    let words = '';
    const points: YardstickPoint[] = [];
    createInterface({ input: child.stdout }).on('line', (line) => {
      try {
        const said = parseYardstickLine(line);
        if ('runtime' in said) runtime = said.runtime;
        else if ('skipped' in said) skipped = said.skipped;
        else points.push(said);
      } catch {
        words = `${words}${line} `;
      }
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words = `${words}${text}`.slice(-longestWords);
    });
    child.on('error', (error) => (skipped = `${python} cannot be run: ${error.message}`));
    child.on('close', (code, killed) => {
      if (skipped === undefined && runtime !== undefined && points.length > 0) {
        resolve({ runtime, points });
        return;
      }
      const how = `${python} ended with ${killed ?? code} without a figure: ${words.trim()}`;
      resolve({ skipped: skipped ?? how });
    });
  });
}

/** @throws DnnScalerError `invalid-argument` for a line that is neither of the three */
export function parseYardstickLine(
  line: string,
): { readonly runtime: string } | { readonly skipped: string } | YardstickPoint {
  const fail = (): never => {
    throw invalidArgument(
      'a line of the yardstick',
      'must be a runtime, a reason or a point',
      line,
    );
  };
  let said: Record<string, unknown>;
  try {
    said = JSON.parse(line) as Record<string, unknown>;
  } catch {
    return fail();
  }
  const { runtime, skipped, batchSize, throughputPerS, p95Ms } = said;
  if (typeof runtime === 'string') return { runtime };
  if (typeof skipped === 'string') return { skipped };
  const isPoint = [batchSize, throughputPerS, p95Ms].every(
    (value) => typeof value === 'number' && value > 0 && Number.isFinite(value),
  );
  return isPoint ? ({ batchSize, throughputPerS, p95Ms } as YardstickPoint) : fail();
}
