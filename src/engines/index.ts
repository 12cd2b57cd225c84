export * from './engine.ts';
export { letHeapGrow } from './heap-growth.ts';
export * from './machine.ts';
