export * from './latency-summary.ts';
export * from './quantile.ts';
export * from './sample-buffer.ts';
export * from './rolling-counter.ts';
export * from './power/index.ts';
