export * from './dtype.ts';
export * from './row.ts';
