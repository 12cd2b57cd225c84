export * from './simulate.ts';
export * from './simulated-engine.ts';
export * from './virtual-clock.ts';
