import { deflate, gzip } from 'node:zlib';

export type AnswerEncoding = 'gzip' | 'deflate';

/** What is shorter fits into a packet as it is. */
export const leastCompressedBytes = 1400;

/** Tensors hardly become smaller; more effort would cost time and gain next to nothing. */
const level = 1;

/**
 * How a client wants its answer encoded, by RFC 9110, section 12.5.3; undefined for as it is.
 *
 * @param acceptEncoding the header, if there is one
 */
export function answerEncoding(acceptEncoding: string | undefined): AnswerEncoding | undefined {
  if (acceptEncoding === undefined) return undefined;
  const weights = new Map(acceptEncoding.split(',').map(weightOf));
  const any = weights.get('*') ?? 0;
  const gzipWeight = weights.get('gzip') ?? weights.get('x-gzip') ?? any;
  const deflateWeight = weights.get('deflate') ?? any;
  const most = Math.max(gzipWeight, deflateWeight);
  if (most <= 0 || (weights.get('identity') ?? 0) > most) return undefined;
  return gzipWeight >= deflateWeight ? 'gzip' : 'deflate';
}

/** `gzip;q=0.5` as a pair; what has no valid weight counts 1, as it does without one. */
function weightOf(item: string): [string, number] {
  const [name = '', ...parameters] = item.split(';').map((part) => part.trim().toLowerCase());
  const weight = parameters.find((parameter) => parameter.startsWith('q='))?.slice(2);
  const value = Number(weight ?? 1);
  return [name, Number.isNaN(value) ? 1 : value];
}

/** Compresses the parts of an answer as one, beside the main thread. */
export function compress(
  encoding: AnswerEncoding,
  parts: readonly Uint8Array[],
  done: (error: Error | null, bytes: Uint8Array) => void,
): void {
  const whole = Buffer.concat(parts);
  (encoding === 'gzip' ? gzip : deflate)(whole, { level }, done);
}
