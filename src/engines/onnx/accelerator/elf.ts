import { closeSync, openSync, readSync } from 'node:fs';

/** Reads `length` bytes of a file at `offset`; fewer at its end. */
export type ReadAt = (offset: number, length: number) => Buffer;

const loadSegment = 1;
const dynamicSegment = 2;
const neededTag = 1;
const stringTableTag = 5;
const stringTableSizeTag = 10;

/**
 * The libraries that a shared library names as needed (DT_NEEDED), in its order. Reads the headers
 * only: a provider's library has hundreds of megabytes. Layout from the ELF-64 object file format,
 * little endian.
 *
 * @throws Error when the file is no 64-bit little-endian ELF file
 */
export function neededLibraries(readAt: ReadAt): readonly string[] {
  const header = readAt(0, 64);
  if (header.length < 64 || header.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') {
    throw new Error('not a 64-bit little-endian ELF file');
  }
  const segments = readSegments(readAt, header);
  const dynamic = segments.find(({ type }) => type === dynamicSegment);
  if (dynamic === undefined) return [];

  const entries = readAt(dynamic.offset, dynamic.bytes);
  const needed: number[] = [];
  let tableAddress: number | undefined;
  let tableBytes = 0;
  for (let at = 0; at + 16 <= entries.length; at += 16) {
    const tag = Number(entries.readBigUInt64LE(at));
    const value = Number(entries.readBigUInt64LE(at + 8));
    if (tag === 0) break;
    if (tag === neededTag) needed.push(value);
    if (tag === stringTableTag) tableAddress = value;
    if (tag === stringTableSizeTag) tableBytes = value;
  }
  if (tableAddress === undefined) return [];
  const strings = readAt(fileOffset(segments, tableAddress), tableBytes);
  return needed.map((start) => strings.toString('latin1', start, strings.indexOf(0, start)));
}

/** The same for a file by its path. */
export function neededLibrariesOf(path: string): readonly string[] {
  const file = openSync(path, 'r');
  try {
    return neededLibraries((offset, length) => {
      const buffer = Buffer.alloc(length);
      return buffer.subarray(0, readSync(file, buffer, 0, length, offset));
    });
  } finally {
    closeSync(file);
  }
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly bytes: number;
}

function readSegments(readAt: ReadAt, header: Buffer): readonly Segment[] {
  const start = Number(header.readBigUInt64LE(32));
  const entryBytes = header.readUInt16LE(54);
  const count = header.readUInt16LE(56);
  const table = readAt(start, entryBytes * count);
  return Array.from({ length: Math.floor(table.length / entryBytes) }, (_, index) => {
    const at = index * entryBytes;
    return {
      type: table.readUInt32LE(at),
      offset: Number(table.readBigUInt64LE(at + 8)),
      address: Number(table.readBigUInt64LE(at + 16)),
      bytes: Number(table.readBigUInt64LE(at + 32)),
    };
  });
}

/** Where in the file lies what is loaded at an address. */
function fileOffset(segments: readonly Segment[], address: number): number {
  const holder = segments.find(
    (segment) =>
      segment.type === loadSegment &&
      address >= segment.address &&
      address < segment.address + segment.bytes,
  );
  if (holder === undefined) throw new Error('its table of strings lies outside of every segment');
  return holder.offset + address - holder.address;
}
