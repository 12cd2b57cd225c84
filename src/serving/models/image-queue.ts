import { decodeFailureReason } from '../../datasets/decode-image.ts';
import { DnnScalerError } from '../../errors.ts';
import type { Row } from '../../tensor/row.ts';

/** Images on their way to rows. */
export interface Decoding {
  /** In the order of the images; rejects with `invalid-argument` for the first that is no good. */
  readonly rows: Promise<readonly Row[]>;
  /** Drops those that still wait; `rows` then never settles. */
  withdraw(): void;
}

/** The images of one request. */
interface Task {
  readonly images: readonly Uint8Array[];
  readonly rows: Row[];
  readonly resolve: (rows: readonly Row[]) => void;
  readonly reject: (error: DnnScalerError) => void;
  started: number;
  decoded: number;
  isOver: boolean;
}

/** Threads that decode: those of libuv's pool, unless the user has changed their number. */
const defaultMaxDecoding = 4;

/**
 * Decodes images a few at a time: more would not go faster, each that has begun holds its pixels,
 * and one that has begun cannot be called back when its client leaves. Requests take turns, so that
 * one of a thousand images does not keep the others waiting.
 */
export class ImageQueue {
  readonly #decode: (image: Uint8Array) => Promise<Row>;
  readonly #maxDecoding: number;
  readonly #waiting: Task[] = [];
  #decoding = 0;

  /** @param maxDecoding how many at a time, from 1. Default 4 */
  constructor(decode: (image: Uint8Array) => Promise<Row>, maxDecoding = defaultMaxDecoding) {
    this.#decode = decode;
    this.#maxDecoding = maxDecoding;
  }

  /** @param images at least one */
  decode(images: readonly Uint8Array[]): Decoding {
    let task: Task | undefined;
    const rows = new Promise<readonly Row[]>((resolve, reject) => {
      const state = { started: 0, decoded: 0, isOver: false };
      task = { images, rows: new Array<Row>(images.length), resolve, reject, ...state };
      this.#waiting.push(task);
      this.#begin();
    });
    return {
      rows,
      withdraw: () => {
        const gone = task as Task;
        gone.isOver = true;
        const at = this.#waiting.indexOf(gone);
        if (at >= 0) this.#waiting.splice(at, 1);
      },
    };
  }

  #begin(): void {
    while (this.#decoding < this.#maxDecoding) {
      const task = this.#waiting.shift();
      if (task === undefined) return;
      if (task.isOver) continue;
      const index = task.started;
      task.started += 1;
      if (task.started < task.images.length) this.#waiting.push(task);
      this.#decoding += 1;
      void this.#decodeOne(task, index).finally(() => {
        this.#decoding -= 1;
        this.#begin();
      });
    }
  }

  async #decodeOne(task: Task, index: number): Promise<void> {
    try {
      task.rows[index] = await this.#decode(task.images[index] as Uint8Array);
    } catch (thrown) {
      task.isOver = true;
      const message = `the image cannot be decoded: ${decodeFailureReason(thrown)}`;
      task.reject(new DnnScalerError('invalid-argument', message));
      return;
    }
    task.decoded += 1;
    if (task.decoded === task.images.length) task.resolve(task.rows);
  }
}
