import { systemClock } from '../../clock.ts';
import { loadErrorCode, runErrorCode, runtimeMessage } from './runtime-errors.ts';
import type {
  BufferPayload,
  FromInstance,
  PackedTensor,
  SessionConfig,
  ToInstance,
} from './protocol.ts';
import { Runner } from './runner.ts';

/** The way back to the engine, from inside an instance. */
export interface Port {
  /** @param returned the input buffer of the run being answered, which its owner may use again */
  post(message: FromInstance, payload?: BufferPayload, returned?: ArrayBuffer): void;
  /** Resolves when what was posted needs this thread no more, which a run would hold. */
  flushed(): Promise<void> | undefined;
  /** Ends the instance; nothing is posted after it. */
  end(): void;
}

/**
 * What an instance does, in its own thread or process: load one model, run batches one at a time,
 * release. Returns the function to be called with each message and its payload.
 */
export function serveInstance(
  port: Port,
): (message: ToInstance, payload: ArrayBuffer | undefined) => void {
  let runner: Runner | undefined;
  let lastRun = Promise.resolve();

  async function load(modelPath: string, config: SessionConfig): Promise<void> {
    try {
      runner = await Runner.load(modelPath, config);
      port.post({ kind: 'loaded', metadata: runner.metadata });
    } catch (thrown) {
      const message = runtimeMessage(thrown);
      port.post({ kind: 'load-failed', code: loadErrorCode(message), message });
      port.end();
    }
  }

  async function run(tensors: readonly PackedTensor[], input: ArrayBuffer): Promise<void> {
    try {
      if (runner === undefined) throw new Error('a batch came before the model was loaded');
      const startMs = systemClock.nowMs();
      const outputs = await runner.run(tensors, input);
      const runMs = systemClock.nowMs() - startMs;
      port.post({ kind: 'ran', tensors: outputs.tensors, runMs }, outputs, input);
    } catch (thrown) {
      const message = runtimeMessage(thrown);
      port.post({ kind: 'run-failed', code: runErrorCode(message), message }, undefined, input);
    }
    await port.flushed();
  }

  async function release(): Promise<void> {
    await runner?.release();
    port.post({ kind: 'released' });
    port.end();
  }

  return (message, payload) => {
    switch (message.kind) {
      case 'load':
        void load(message.modelPath, message.config);
        break;
      case 'run':
        lastRun = lastRun.then(() => run(message.tensors, payload ?? new ArrayBuffer(0)));
        break;
      case 'release':
        // One that was given up may be asked to while it still has a batch.
        void lastRun.then(release);
        break;
    }
  };
}
