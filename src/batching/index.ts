export * from './hold-back.ts';
export * from './request-queue.ts';
