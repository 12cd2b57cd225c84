export * from './gpu-monitor.ts';
export * from './gpu-sample.ts';
export * from './open-power.ts';
export * from './power-meter.ts';
export * from './rapl.ts';
export * from './visible-devices.ts';
