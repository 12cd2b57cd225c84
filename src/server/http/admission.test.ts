import { describe, expect, it } from 'vitest';
import { Admission } from './admission.ts';

const bytes = 100_000;

describe('memory of a request that has left', () => {
  it('goes to the next one when nobody reads it any more', () => {
    const admission = new Admission(2, 2 ** 20);
    const first = admission.enter();
    const buffer = first.take(bytes);
    first.allowReuse();
    first.leave();
    first.leave();
    expect(admission.enter().take(bytes)).toBe(buffer);
    expect(admission.enter().take(bytes)).not.toBe(buffer);
  });

  it('goes to nobody when it was cut short', () => {
    const admission = new Admission(2, 2 ** 20);
    const first = admission.enter();
    const buffer = first.take(bytes);
    first.leave();
    expect(admission.enter().take(bytes)).not.toBe(buffer);
  });

  it('is not counted again', () => {
    const admission = new Admission(1, 2 ** 20);
    const first = admission.enter();
    first.hold(bytes);
    first.leave();
    expect(() => first.hold(bytes)).toThrow('left');
    expect(admission.bytes).toBe(0);
  });
});
