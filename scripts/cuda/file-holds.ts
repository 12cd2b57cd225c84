import { closeSync, openSync, readSync } from 'node:fs';

const chunkBytes = 4 * 2 ** 20;

/** Whether a text stands anywhere in a file, which is read piece by piece. */
export function fileHolds(file: string, text: string): boolean {
  const wanted = Buffer.from(text, 'latin1');
  const descriptor = openSync(file, 'r');
  try {
    // Chunks overlap, so that the text lies whole in one of them.
    const buffer = Buffer.alloc(chunkBytes + wanted.length);
    for (let offset = 0; ; offset += chunkBytes) {
      const bytes = readSync(descriptor, buffer, 0, buffer.length, offset);
      if (bytes === 0) return false;
      if (buffer.subarray(0, bytes).includes(wanted)) return true;
    }
  } finally {
    closeSync(descriptor);
  }
}
