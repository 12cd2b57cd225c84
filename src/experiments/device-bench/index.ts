export * from './network-report.ts';
export * from './plan.ts';
export * from './results.ts';
export * from './run-bench.ts';
export * from './yardstick.ts';
