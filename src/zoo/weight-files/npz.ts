import { elementCount } from '../../tensor/dtype.ts';
import type { FileBytes } from './file-bytes.ts';
import { floatBytes, storedTensor, toFloat32 } from './stored-tensor.ts';
import type { FloatFormat, StoredTensor } from './stored-tensor.ts';
import { readZip } from './zip.ts';
import type { ZipMember } from './zip.ts';

const ending = '.npy';
const magic = Buffer.from('\u0093NUMPY', 'latin1');

/** Enough of a member to hold its header, which NumPy itself accepts up to 10,000 bytes of. */
const headerWindowBytes = 1 << 14;

/** `V2` is what NumPy writes for the bfloat16 of ml_dtypes, which it does not know. */
const formats: Readonly<Record<string, FloatFormat>> = {
  f2: 'FP16',
  V2: 'BF16',
  f4: 'FP32',
  f8: 'FP64',
};

interface NpyHeader {
  /** Where the elements begin. */
  readonly dataStart: number;
  /** Byte order and type, such as `<f4`. */
  readonly type: string;
  /** First index fastest. */
  readonly fortranOrder: boolean;
  readonly dims: readonly number[];
}

/**
 * The arrays of an .npz file: a ZIP archive of .npy files, each a header and the elements
 * (NEP 1, https://numpy.org/neps/nep-0001-npy-format.html).
 *
 * @throws DnnScalerError `invalid-argument` for a torn archive or a header that is none
 */
export function readNpz(file: FileBytes): StoredTensor[] {
  return readZip(file)
    .filter(({ name }) => name.endsWith(ending))
    .map((member) => tensorOf(member, file));
}

function tensorOf(member: ZipMember, file: FileBytes): StoredTensor {
  const name = member.name.slice(0, -ending.length);
  const fault = (problem: string): Error => file.fault(`array ${JSON.stringify(name)} ${problem}`);
  const header = headerOf(member.start(headerWindowBytes), fault);
  const { dataStart, type, fortranOrder, dims } = header;
  const bigEndian = type.startsWith('>');
  const kind = type.replace(/^[<>=|]/, '');
  return storedTensor({
    ...{ name, type, dims, fault },
    format: Object.hasOwn(formats, kind) ? formats[kind] : undefined,
    bytes: member.bytes - dataStart,
    readFloats(format) {
      const data = member.read().subarray(dataStart);
      if (bigEndian) reverseElements(data, floatBytes(format));
      const floats = toFloat32(data, format);
      return fortranOrder ? fromFortranOrder(floats, dims) : floats;
    },
  });
}

function headerOf(start: Buffer, fault: (problem: string) => Error): NpyHeader {
  const version = start[magic.length];
  if (!start.subarray(0, magic.length).equals(magic) || version === undefined) {
    throw fault('is no NumPy array');
  }
  const lengthBytes = version === 1 ? 2 : 4;
  const textStart = magic.length + 2 + lengthBytes;
  if (start.length < textStart) throw fault('ends within its header');
  const length = start.readUIntLE(magic.length + 2, lengthBytes);
  const text = start.toString('latin1', textStart, textStart + length);
  // A Python dictionary, always of these three keys.
  const type = /'descr': *'([^']*)'/.exec(text)?.[1];
  const order = /'fortran_order': *(True|False)/.exec(text)?.[1];
  const shape = /'shape': *\(([\d, ]*)\)/.exec(text)?.[1];
  if (text.length < length || type === undefined || order === undefined || shape === undefined) {
    throw fault(`has a header of ${length} bytes that cannot be read: ${text.slice(0, 80).trim()}`);
  }
  const dims = shape.split(',').flatMap((size) => (size.trim() === '' ? [] : [Number(size)]));
  return { dataStart: textStart + length, type, fortranOrder: order === 'True', dims };
}

function reverseElements(data: Buffer, elementBytes: number): void {
  for (let at = 0; at < data.length; at += elementBytes) {
    data.subarray(at, at + elementBytes).reverse();
  }
}

function fromFortranOrder(data: Float32Array, dims: readonly number[]): Float32Array {
  const result = new Float32Array(data.length);
  const index = dims.map(() => 0);
  const strides = dims.map((_, axis) => elementCount(dims.slice(0, axis)));
  let from = 0;
  for (let i = 0; i < result.length; i += 1) {
    result[i] = data[from] as number;
    // The next index in row-major order, carrying from the last axis to the first.
    for (let axis = dims.length - 1; axis >= 0; axis -= 1) {
      index[axis] = (index[axis] as number) + 1;
      from += strides[axis] as number;
      if ((index[axis] as number) < (dims[axis] as number)) break;
      from -= (strides[axis] as number) * (dims[axis] as number);
      index[axis] = 0;
    }
  }
  return result;
}
