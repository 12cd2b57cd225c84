import { describe, expect, it } from 'vitest';
import { neededLibraries, neededLibrariesOf } from './elf.ts';
import { thisHost } from './host.ts';

/** A library of three parts: header, two segment headers, and a dynamic section with its strings. */
function library(names: readonly string[]): Buffer {
  const [dynamicAt, address] = [64 + 2 * 56, 0x1000];
  const entryCount = names.length + 3;
  const stringsAt = dynamicAt + entryCount * 16;
  const strings = Buffer.from(`\0${names.join('\0')}\0`, 'latin1');
  const file = Buffer.alloc(stringsAt + strings.length);
  file.write('\x7fELF\x02\x01', 'latin1');
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const segment = (index: number, type: number, offset: number, bytes: number): void => {
    const at = 64 + index * 56;
    file.writeUInt32LE(type, at);
    file.writeBigUInt64LE(BigInt(offset), at + 8);
    file.writeBigUInt64LE(BigInt(address + offset), at + 16);
    file.writeBigUInt64LE(BigInt(bytes), at + 32);
  };
  segment(0, 1, 0, file.length);
  segment(1, 2, dynamicAt, entryCount * 16);
  let start = 1;
  const entries = names.map((name): [number, number] => {
    const entry: [number, number] = [1, start];
    start += name.length + 1;
    return entry;
  });
  entries.push([5, address + stringsAt], [10, strings.length], [0, 0]);
  for (const [index, [tag, value]] of entries.entries()) {
    file.writeBigUInt64LE(BigInt(tag), dynamicAt + index * 16);
    file.writeBigUInt64LE(BigInt(value), dynamicAt + index * 16 + 8);
  }
  strings.copy(file, stringsAt);
  return file;
}

const needed = (file: Buffer): readonly string[] =>
  neededLibraries((offset, length) => file.subarray(offset, offset + length));

describe('neededLibraries', () => {
  it('are read in their order', () => {
    expect(needed(library(['libcudart.so.13', 'libc.so.6']))).toEqual([
      'libcudart.so.13',
      'libc.so.6',
    ]);
    expect(needed(library([]))).toEqual([]);
  });

  it('refuses other files', () => {
    expect(() => needed(Buffer.from('#!/bin/sh'))).toThrow('not a 64-bit little-endian ELF file');
    expect(() => needed(Buffer.alloc(1000))).toThrow('ELF');
  });

  it.runIf(process.platform === 'linux')('finds what the runtime of this machine needs', () => {
    expect(neededLibrariesOf(`${thisHost.providerFolder}/libonnxruntime.so.1`)).toContain(
      'libc.so.6',
    );
    expect(thisHost.neededBy('/dev/null')).toBeUndefined();
  });
});
