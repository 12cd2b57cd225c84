import { describe, expect, it } from 'vitest';
import { writeInTurn } from './output-file.ts';

describe('writeInTurn', () => {
  it('writes what is wanted, also after one that failed, and throws that failure', async () => {
    const written: string[] = [];
    const writing = writeInTurn(
      async () => void written.push('first'),
      () => Promise.reject(new Error('the disk is full')),
      false,
      async () => void written.push('last'),
    );
    await expect(writing).rejects.toThrow('the disk is full');
    expect(written).toEqual(['first', 'last']);
  });
});
