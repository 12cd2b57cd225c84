export * from './oracle.ts';
export * from './simulate.ts';
export * from './simulated-engine.ts';
export * from './surface-csv.ts';
export * from './surface-engine.ts';
export * from './surface.ts';
export * from './traffic.ts';
export * from './virtual-clock.ts';
