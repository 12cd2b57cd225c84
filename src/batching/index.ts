export * from './hold-back.ts';
export * from './lanes.ts';
export * from './request-queue.ts';
