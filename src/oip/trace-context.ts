/** Version ff, and ids of zeros alone, are forbidden. */
const pattern = /^(?!ff)[0-9a-f]{2}-(?!0+-)([0-9a-f]{32})-(?!0+-)[0-9a-f]{16}-[0-9a-f]{2}$/;
/** The specification's own limit for what has to be passed on. */
const longestState = 512;

/** A caller's trace context, by https://www.w3.org/TR/trace-context/. */
export interface TraceContext {
  readonly traceparent: string;
  readonly tracestate?: string;
}

/**
 * Reads a caller's trace context from its headers; undefined without a valid `traceparent`, as
 * `tracestate` means nothing alone.
 */
export function traceContextOf(
  traceparent: unknown,
  tracestate: unknown,
): TraceContext | undefined {
  if (typeof traceparent !== 'string' || !pattern.test(traceparent)) return undefined;
  const hasState =
    typeof tracestate === 'string' && tracestate !== '' && tracestate.length <= longestState;
  return { traceparent, ...(hasState && { tracestate }) };
}

/** The 32 hexadecimal digits that all parts of one trace share. */
export function traceIdOf({ traceparent }: TraceContext): string {
  return pattern.exec(traceparent)?.[1] ?? '';
}
