/** What our instances are measured against: threads that call `session.run` and do little else. */
import { Worker } from 'node:worker_threads';
import { systemClock } from '../src/clock.ts';
import type { OperatingPoint } from '../src/operating-point.ts';
import { arrays } from '../src/tensor/dtype.ts';
import type { NumericData, NumericDatatype } from '../src/tensor/dtype.ts';
import type { ModelSignature, Row } from '../src/tensor/row.ts';

export interface BareLoop {
  /** Rows per second of loops that run the same batch again and again. */
  repeat(durationMs: number): Promise<number>;
  /**
   * Rows per second where each batch is gathered here and transferred to a loop, which transfers it back
   * with its answer, a batch always in waiting. For models of one input and one output.
   */
  feed(durationMs: number): Promise<number>;
  close(): Promise<void>;
}

/** Batches that each loop has at a time while it is fed. */
const depth = 2;
/** Share of a measurement that is over before it counts. */
const leadShare = 0.1;

/** @param rows at least one, of which batches are made */
export async function openBareLoop(
  modelPath: string,
  signature: ModelSignature,
  rows: readonly Row[],
  point: OperatingPoint,
): Promise<BareLoop> {
  const { batchSize, instances, threadsPerInstance: threads = 1 } = point;
  const feeds = signature.inputs.map(({ name, datatype, dims }, input) => {
    const row = rows[0]?.[input]?.data as NumericData;
    const data = new arrays[datatype as NumericDatatype](row.length * batchSize);
    fill(data, [row], 0);
    return { name, data, dims: [batchSize, ...dims] };
  });
  const workers = Array.from(
    { length: instances },
    () =>
      new Worker(new URL('./bare-worker.mjs', import.meta.url), {
        workerData: { modelPath, threads, spinning: instances === 1 || threads === 1, feeds },
      }),
  );
  await Promise.all(workers.map((worker) => nextMessage(worker)));
  return {
    async repeat(durationMs) {
      const results = workers.map((worker) => {
        worker.postMessage({ durationMs });
        return nextMessage(worker) as Promise<{ calls: number; elapsedMs: number }>;
      });
      let perS = 0;
      for (const { calls, elapsedMs } of await Promise.all(results)) {
        perS += (calls * batchSize * 1000) / elapsedMs;
      }
      return perS;
    },
    async feed(durationMs) {
      const data = rows.map((row) => row[0]?.data as NumericData);
      return batchSize * (await feedAll(workers, data, batchSize, durationMs));
    },
    async close() {
      // The workers are idle here: ending one inside native code would abort the process.
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** Resolves with batches per second, once all are back. */
function feedAll(
  workers: readonly Worker[],
  rows: readonly NumericData[],
  batchSize: number,
  durationMs: number,
): Promise<number> {
  const { byteLength, constructor } = rows[0] as Float32Array;
  const View = constructor as Float32ArrayConstructor;
  const startMs = systemClock.nowMs();
  let sent = 0;
  let answered = 0;
  let lead: { readonly batches: number; readonly ms: number } | undefined;
  let perS: number | undefined;
  return new Promise((resolve, reject) => {
    const send = (worker: Worker, buffer: ArrayBuffer): void => {
      fill(new View(buffer), rows, sent * batchSize);
      sent += 1;
      worker.postMessage({ buffer }, [buffer]);
    };
    const onAnswer = (worker: Worker, buffer: ArrayBuffer): void => {
      answered += 1;
      const ms = systemClock.nowMs() - startMs;
      if (lead === undefined || ms < durationMs) {
        if (ms > leadShare * durationMs) lead ??= { batches: answered, ms };
        send(worker, buffer);
        return;
      }
      perS ??= ((answered - lead.batches) * 1000) / (ms - lead.ms);
      if (answered < sent) return;
      for (const one of workers) {
        one.removeAllListeners('message');
        one.off('error', reject);
      }
      resolve(perS);
    };
    for (const worker of workers) {
      worker.once('error', reject);
      worker.on('message', ({ buffer }: { buffer: ArrayBuffer }) => onAnswer(worker, buffer));
      for (let i = 0; i < depth; i += 1) send(worker, new ArrayBuffer(byteLength * batchSize));
    }
  });
}

/** Fills a batch with rows in turn, from that one on. */
function fill(batch: NumericData, rows: readonly NumericData[], first: number): void {
  const rowLength = (rows[0] as NumericData).length;
  for (let i = 0; i * rowLength < batch.length; i += 1) {
    const row = rows[(first + i) % rows.length] as Float32Array;
    (batch as Float32Array).set(row, i * rowLength);
  }
}

function nextMessage(worker: Worker): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (message) => {
      worker.off('error', reject);
      resolve(message);
    });
  });
}
