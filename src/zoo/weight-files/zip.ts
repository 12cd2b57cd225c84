import { constants, inflateRawSync } from 'node:zlib';
import type { FileBytes } from './file-bytes.ts';

/** One file of a ZIP archive. */
export interface ZipMember {
  readonly name: string;
  /** Uncompressed. */
  readonly bytes: number;
  /** At least the first bytes of its contents, as many as asked for or all there are. */
  start(bytes: number): Buffer;
  /** All of its contents. */
  read(): Buffer;
}

const signature = { end: 0x06054b50, end64: 0x06064b50, locator64: 0x07064b50 } as const;
const centralSignature = 0x02014b50;
const localSignature = 0x04034b50;
const endBytes = 22;
const locator64Bytes = 20;
const end64Bytes = 56;
const centralBytes = 46;
const localBytes = 30;
/** For 100,000 members and more; a directory beyond it is a torn or made-up one. */
const maxDirectoryBytes = 64 << 20;

const unknown16 = 0xffff;
const unknown32 = 0xffff_ffff;

/**
 * The members of a ZIP archive, stored or deflated, ZIP64 or not, as its central directory lists
 * them (PKWARE's APPNOTE 6.3.10, sections 4.3 and 4.5.3).
 *
 * @throws DnnScalerError `invalid-argument` for a file that is no archive, torn, or encrypted
 */
export function readZip(file: FileBytes): ZipMember[] {
  const { count, bytes, offset } = findDirectory(file);
  if (bytes > maxDirectoryBytes) throw file.fault(`its ZIP directory would have ${bytes} bytes`);
  const directory = file.read(offset, bytes, 'the ZIP directory');
  const members: ZipMember[] = [];
  let at = 0;
  for (let i = 0; i < count; i += 1) {
    if (at + centralBytes > bytes || directory.readUInt32LE(at) !== centralSignature) {
      throw file.fault(`its ZIP directory ends after ${i} of ${count} members`);
    }
    const nameLength = directory.readUInt16LE(at + 28);
    const extraLength = directory.readUInt16LE(at + 30);
    const end = at + centralBytes + nameLength + extraLength + directory.readUInt16LE(at + 32);
    if (end > bytes) throw file.fault(`its ZIP directory ends within member ${i + 1}`);
    members.push(memberOf(file, directory.subarray(at, end), nameLength, extraLength));
    at = end;
  }
  return members;
}

/** Where the central directory is, from the record at the end of the archive. */
function findDirectory(file: FileBytes): { count: number; bytes: number; offset: number } {
  const tailStart = Math.max(file.size - endBytes - unknown16 - locator64Bytes, 0);
  const tail = file.read(tailStart, file.size - tailStart, 'the end of the archive');
  // The record is followed by a comment of a length that it tells, up to the end of the file.
  let at = tail.length - endBytes;
  const isEnd = (): boolean =>
    tail.readUInt32LE(at) === signature.end &&
    at + endBytes + tail.readUInt16LE(at + 20) === tail.length;
  while (at >= 0 && !isEnd()) at -= 1;
  if (at < 0) throw file.fault('it has no ZIP directory; is it a whole .npz file?');
  const directory = {
    count: tail.readUInt16LE(at + 10),
    bytes: tail.readUInt32LE(at + 12),
    offset: tail.readUInt32LE(at + 16),
  };
  const locator = at - locator64Bytes;
  if (locator < 0 || tail.readUInt32LE(locator) !== signature.locator64) return directory;
  const end64At = number64(tail, locator + 8, file);
  const end64 = file.read(end64At, end64Bytes, 'the ZIP64 directory record');
  if (end64.readUInt32LE(0) !== signature.end64) throw file.fault('its ZIP64 record is torn');
  return {
    count: number64(end64, 32, file),
    bytes: number64(end64, 40, file),
    offset: number64(end64, 48, file),
  };
}

function memberOf(
  file: FileBytes,
  record: Buffer,
  nameLength: number,
  extraLength: number,
): ZipMember {
  const extraStart = centralBytes + nameLength;
  const name = record.toString('utf8', centralBytes, extraStart);
  const what = `member ${JSON.stringify(name)}`;
  const method = record.readUInt16LE(10);
  if (record.readUInt16LE(8) & 1) throw file.fault(`${what} is encrypted`);
  if (method !== 0 && method !== 8) {
    throw file.fault(`${what} has compression method ${method}; only stored and deflated are read`);
  }
  let compressed = record.readUInt32LE(20);
  let bytes = record.readUInt32LE(24);
  let offset = record.readUInt32LE(42);
  // Fields that do not fit stand in an extra field, in this order.
  const large = extraField(record.subarray(extraStart, extraStart + extraLength), 1);
  let next = 0;
  const instead = (value: number): number => {
    if (value !== unknown32) return value;
    if (large === undefined || next + 8 > large.length) throw file.fault(`${what} has no size`);
    next += 8;
    return number64(large, next - 8, file);
  };
  bytes = instead(bytes);
  compressed = instead(compressed);
  offset = instead(offset);
  if (method === 0 && compressed !== bytes) throw file.fault(`${what} has two sizes`);

  const raw = (length: number): Buffer => {
    const local = file.read(offset, localBytes, `the head of ${what}`);
    if (local.readUInt32LE(0) !== localSignature)
      throw file.fault(`${what} is not where it should be`);
    const start = offset + localBytes + local.readUInt16LE(26) + local.readUInt16LE(28);
    return file.read(start, length, what);
  };
  const inflated = (from: Buffer, partly: boolean): Buffer => {
    const finishFlush = partly ? constants.Z_SYNC_FLUSH : constants.Z_FINISH;
    try {
      return inflateRawSync(from, { finishFlush, maxOutputLength: Math.max(bytes, 1) });
    } catch (error) {
      throw file.fault(`${what} cannot be inflated: ${(error as Error).message}`, error);
    }
  };
  return {
    name,
    bytes,
    start(wanted) {
      const length = Math.min(wanted, compressed);
      return method === 0 ? raw(length) : inflated(raw(length), length < compressed);
    },
    read() {
      const content = method === 0 ? raw(bytes) : inflated(raw(compressed), false);
      if (content.length === bytes) return content;
      throw file.fault(`${what} has ${content.length} bytes instead of ${bytes}`);
    },
  };
}

/** The contents of an extra field: records of id, length and contents. */
function extraField(extra: Buffer, id: number): Buffer | undefined {
  let at = 0;
  while (at + 4 <= extra.length) {
    const length = extra.readUInt16LE(at + 2);
    if (extra.readUInt16LE(at) === id) return extra.subarray(at + 4, at + 4 + length);
    at += 4 + length;
  }
  return undefined;
}

function number64(bytes: Buffer, offset: number, file: FileBytes): number {
  const value = bytes.readBigUInt64LE(offset);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw file.fault('its ZIP directory is torn');
  return Number(value);
}
