import type { InferRequest } from './data-plane.ts';
import type { OutputForm } from './output-form.ts';
import type { TensorHead } from './tensor-list.ts';
import { areBinary } from './tensor-list.ts';

/** What the JSON text of an inference request says. */
export interface RequestHead extends Pick<InferRequest, 'parameters' | 'outputs'> {
  readonly id: string | undefined;
  readonly inputs: readonly TensorHead[];
  readonly outputForm: OutputForm;
}

/** Longer texts name more than a few tensors; the time to read them is not what such requests lack. */
const longestBytes = 1024;
/** Clients that number their requests never send a text twice. */
const mostHeads = 64;

/**
 * The latest JSON texts that inference requests began with, and what they say. A client that sends its
 * tensors as binary data sends the same text in front of them again and again; to read and check it
 * costs more than all else that becomes of a small request before it is queued.
 */
export class RequestHeads {
  readonly #heads = new Map<string, RequestHead>();

  /**
   * What `text` says. What `decode` throws is thrown, and not remembered.
   *
   * @param decode reads the text, unless it is known
   */
  of(text: Uint8Array, decode: () => RequestHead): RequestHead {
    if (text.byteLength > longestBytes) return decode();
    // Latin 1 has a character for every byte: no two texts become the same key.
    const key = Buffer.from(text.buffer, text.byteOffset, text.byteLength).toString('latin1');
    const known = this.#heads.get(key);
    if (known !== undefined) {
      // A map keeps the order in which keys were set: this one becomes the latest.
      this.#heads.delete(key);
      this.#heads.set(key, known);
      return known;
    }
    const head = decode();
    if (areBinary(head.inputs)) this.#remember(key, frozen(head));
    return head;
  }

  #remember(key: string, head: RequestHead): void {
    if (this.#heads.size >= mostHeads) {
      const [oldest] = this.#heads.keys();
      if (oldest !== undefined) this.#heads.delete(oldest);
    }
    this.#heads.set(key, head);
  }
}

/** Requests of several clients share it. */
function frozen(head: RequestHead): RequestHead {
  Object.freeze(head.parameters);
  for (const output of head.outputs) Object.freeze(output);
  Object.freeze(head.outputs);
  for (const input of head.inputs) Object.freeze(input.shape);
  return head;
}
