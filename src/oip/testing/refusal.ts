import { DnnScalerError } from '../../errors.ts';

/** The message with which something is refused as `invalid-argument`; anything else is thrown on. */
export function refusal(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DnnScalerError && error.code === 'invalid-argument') return error.message;
    throw error;
  }
  throw new Error('was not refused');
}
