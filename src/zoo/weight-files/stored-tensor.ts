import { elementCount } from '../../tensor/dtype.ts';
import { halfToNumber } from '../../tensor/half.ts';

/** How a file keeps floating-point numbers. BF16 is the upper half of an FP32. */
export type FloatFormat = 'FP16' | 'BF16' | 'FP32' | 'FP64';

/** One tensor of a weights file. */
export interface StoredTensor {
  readonly name: string;
  /** The element type in the file's own words, such as `F32` or `<f4`. */
  readonly type: string;
  /** Undefined for integers and whatever else is no floating-point number. */
  readonly format: FloatFormat | undefined;
  readonly dims: readonly number[];
  /**
   * Its elements as float32 in row-major order, read from the file now.
   *
   * @throws DnnScalerError `invalid-argument` for a tensor without a `format`, or torn bytes
   */
  read(): Float32Array;
}

/** A tensor as a file describes it. */
export interface FoundTensor extends Omit<StoredTensor, 'read'> {
  /** What the file has of it. */
  readonly bytes: number;
  /** An error about this tensor, as in `has the shape 3`. */
  readonly fault: (problem: string) => Error;
  readonly readFloats: (format: FloatFormat) => Float32Array;
}

/** @throws DnnScalerError `invalid-argument` for a floating-point tensor of too many or few bytes */
export function storedTensor(found: FoundTensor): StoredTensor {
  const { name, type, format, dims, bytes, fault, readFloats } = found;
  const due = format === undefined ? undefined : elementCount(dims) * floatBytes(format);
  if (due !== undefined && due !== bytes) {
    throw fault(`has ${bytes} bytes where [${dims.join(', ')}] of ${type} takes ${due}`);
  }
  return {
    name,
    type,
    format,
    dims,
    read() {
      if (format === undefined) throw fault(`is of type ${type}, not floating-point`);
      return readFloats(format);
    },
  };
}

const bytesOf: Readonly<Record<FloatFormat, number>> = { FP16: 2, BF16: 2, FP32: 4, FP64: 8 };

/** Bytes of one element. */
export function floatBytes(format: FloatFormat): number {
  return bytesOf[format];
}

/**
 * Little-endian numbers as float32. A float64 beyond float32's range becomes infinite.
 *
 * @param bytes whose length is a multiple of the format's
 */
export function toFloat32(bytes: Uint8Array, format: FloatFormat): Float32Array {
  const length = bytes.length / floatBytes(format);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const floats = new Float32Array(length);
  switch (format) {
    case 'FP32':
      for (let i = 0; i < length; i += 1) floats[i] = view.getFloat32(4 * i, true);
      return floats;
    case 'FP64':
      for (let i = 0; i < length; i += 1) floats[i] = view.getFloat64(8 * i, true);
      return floats;
    case 'BF16': {
      const words = new Uint32Array(floats.buffer);
      for (let i = 0; i < length; i += 1) words[i] = view.getUint16(2 * i, true) << 16;
      return floats;
    }
    case 'FP16':
      for (let i = 0; i < length; i += 1) floats[i] = halfToNumber(view.getUint16(2 * i, true));
      return floats;
  }
}
