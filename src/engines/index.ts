export * from './engine.ts';
export * from './machine.ts';
