import { describe, expect, it } from 'vitest';
import { DnnScalerError } from '../errors.ts';
import { writeInTurn } from './output-file.ts';

describe('writeInTurn', () => {
  const failing = (message: string) => () =>
    Promise.reject(new DnnScalerError('invalid-argument', message));

  it('writes what is wanted, also after one that failed, and throws that failure', async () => {
    const written: string[] = [];
    const writing = writeInTurn(
      async () => void written.push('first'),
      failing('the disk is full'),
      false,
      async () => void written.push('last'),
    );
    await expect(writing).rejects.toThrow(/^the disk is full$/);
    expect(written).toEqual(['first', 'last']);
  });

  it('tells of all that failed', async () => {
    const writing = writeInTurn(failing('no folder'), failing('a run failed'));
    await expect(writing).rejects.toMatchObject({
      code: 'invalid-argument',
      message: 'no folder; a run failed',
    });
  });
});
