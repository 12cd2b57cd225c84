import { describe, expect, it } from 'vitest';
import { traceContextOf, traceIdOf } from './trace-context.ts';

const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;

describe('a trace context', () => {
  it('is taken as it came', () => {
    expect(traceContextOf(traceparent, 'vendor=1')).toEqual({
      traceparent,
      tracestate: 'vendor=1',
    });
    expect(traceContextOf(traceparent, undefined)).toEqual({ traceparent });
    expect(traceIdOf({ traceparent })).toBe('a'.repeat(32));
  });

  it.each([
    undefined,
    '',
    '00-1-2-01',
    `ff${traceparent.slice(2)}`,
    traceparent.replaceAll('b', '0'),
    `${traceparent}\r\nx: y`,
    [traceparent],
  ])('needs a valid parent, unlike %j', (parent) =>
    expect(traceContextOf(parent, 'vendor=1')).toBeUndefined(),
  );

  it('comes without a state that is far too long', () => {
    expect(traceContextOf(traceparent, 'x'.repeat(600))).toEqual({ traceparent });
  });
});
