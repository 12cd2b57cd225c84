export * from './deploy-model.ts';
export * from './deployment.ts';
export * from './measurement.ts';
export * from './run-result.ts';
export * from './steady-state.ts';
export * from './sweep.ts';
export * from './trial.ts';
export * from './images-on-engine.ts';
