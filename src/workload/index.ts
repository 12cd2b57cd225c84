export * from './closed-loop.ts';
export * from './row-source.ts';
