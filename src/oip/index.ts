export * from './data-plane.ts';
export * from './infer-request.ts';
export * from './infer-response.ts';
export * from './message.ts';
export * from './raw-binary.ts';
export * from './tensor.ts';
export * from './wire-bytes.ts';
export * from './wire-limits.ts';
