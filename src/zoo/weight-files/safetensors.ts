import type { FileBytes } from './file-bytes.ts';
import { storedTensor, toFloat32 } from './stored-tensor.ts';
import type { FloatFormat, StoredTensor } from './stored-tensor.ts';

/** The format's own limit on its header. */
const maxHeaderBytes = 100_000_000;

const formats: Readonly<Record<string, FloatFormat>> = {
  F16: 'FP16',
  BF16: 'BF16',
  F32: 'FP32',
  F64: 'FP64',
};

/**
 * The tensors of a safetensors file: 8 bytes with the header's length, the header as JSON, then
 * the data, to which the header has offsets (https://github.com/huggingface/safetensors).
 *
 * @throws DnnScalerError `invalid-argument` for a header that is torn, no JSON, or points outside
 *   of the file
 */
export function readSafetensors(file: FileBytes): StoredTensor[] {
  const headerBytes = file.read(0, 8, 'the length of the header').readBigUInt64LE();
  if (headerBytes > BigInt(Math.min(maxHeaderBytes, file.size - 8))) {
    throw file.fault(
      `its header would have ${headerBytes} bytes, of ${file.size} in all; is it a safetensors file?`,
    );
  }
  const dataStart = 8 + Number(headerBytes);
  const header = file.read(8, Number(headerBytes), 'the header').toString('utf8');
  let entries: unknown;
  try {
    entries = JSON.parse(header);
  } catch (error) {
    throw file.fault('its header is no JSON; is it a safetensors file?', error);
  }
  if (typeof entries !== 'object' || entries === null || Array.isArray(entries)) {
    throw file.fault('its header must be a JSON object of tensors by name');
  }
  return Object.entries(entries)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, entry]) => tensorOf(name, entry, file, dataStart));
}

function tensorOf(name: string, entry: unknown, file: FileBytes, dataStart: number): StoredTensor {
  const {
    dtype: type,
    shape: dims,
    data_offsets: offsets,
  } = (entry ?? {}) as Readonly<Record<string, unknown>>;
  const fault = (problem: string): Error => file.fault(`tensor ${JSON.stringify(name)} ${problem}`);
  if (typeof type !== 'string') throw fault('has no dtype');
  if (!isListOfSizes(dims)) throw fault(`has the shape ${JSON.stringify(dims)}`);
  if (!isListOfSizes(offsets) || offsets.length !== 2) {
    throw fault(`has the data_offsets ${JSON.stringify(offsets)}`);
  }
  const [start, end] = offsets as [number, number];
  const dataBytes = file.size - dataStart;
  if (start > end || end > dataBytes) {
    throw fault(`is at bytes ${start} to ${end} of the data, which has ${dataBytes}; is it whole?`);
  }
  return storedTensor({
    ...{ name, type, dims, fault },
    format: Object.hasOwn(formats, type) ? formats[type] : undefined,
    bytes: end - start,
    readFloats: (format) =>
      toFloat32(file.read(dataStart + start, end - start, `tensor ${name}`), format),
  });
}

function isListOfSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && size >= 0);
}
