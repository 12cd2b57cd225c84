export * from './arrivals.ts';
export * from './closed-loop.ts';
export * from './open-loop.ts';
export * from './row-source.ts';
