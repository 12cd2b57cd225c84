export * from './cache.ts';
export * from './counts.ts';
export * from './model-file.ts';
export * from './network.ts';
export * from './registry.ts';
export * from './image-hint.ts';
