import { systemClock } from '../../clock.ts';
import type { Clock } from '../../clock.ts';
import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import type { Row } from '../../tensor/row.ts';
import type { RunOutcome } from '../engine.ts';
import { openOnnxEngine } from './onnx-engine.ts';
import type { Provider } from './providers.ts';
import { sameTensor } from './same-tensor.ts';

/** What came of running a small model on a provider. */
export type ProviderTrial =
  | { readonly works: true; readonly runMs: number; readonly reply: Row }
  | { readonly works: false; readonly error: DnnScalerError };

export interface ProviderTrialOptions {
  readonly provider: Provider;
  /** A model of one FP32 output. */
  readonly modelPath: string;
  readonly row: Row;
  /** What another provider answered; a different answer counts as a failure. */
  readonly expected?: Row;
  /** The same for loading the model and for each run. */
  readonly limitMs: number;
  readonly clock?: Clock;
}

/**
 * Runs a model once in a process of its own, so that neither a crash nor a driver that hangs takes
 * this one along.
 */
export async function tryProvider(options: ProviderTrialOptions): Promise<ProviderTrial> {
  const { provider, modelPath, row, expected, limitMs, clock = systemClock } = options;
  try {
    const engine = await openOnnxEngine({
      ...{ provider, modelPath, isolation: 'process', maxInstances: 1, maxBatchSize: 2 },
      ...{ loadLimitMs: limitMs, runLimitMs: limitMs },
    });
    try {
      const startMs = clock.nowMs();
      const outcome = await new Promise<RunOutcome<Row>>((resolve) => engine.run([row], resolve));
      const runMs = clock.nowMs() - startMs;
      if (outcome.kind !== 'done') return { works: false, error: outcome.error };
      const reply = outcome.replies.replyAt(0);
      if (expected === undefined || sameReply(reply, expected)) {
        return { works: true, runMs, reply };
      }
      const message = `provider ${provider} runs, and its results are not those of the CPU`;
      return { works: false, error: new DnnScalerError('internal', message) };
    } finally {
      await engine.close();
    }
  } catch (thrown) {
    return { works: false, error: toDnnScalerError(thrown) };
  }
}

function sameReply(a: Row, b: Row): boolean {
  return (
    a.length === b.length && a.every(({ data }, i) => sameTensor('FP32', data, b[i]?.data ?? []))
  );
}
