/** The embedded engine: ONNX Runtime in threads of this process, or in processes of its own. */
export { openOnnxEngine } from './onnx-engine.ts';
export type { OnnxEngine, OnnxSignature } from './onnx-engine.ts';
export type { Isolation, MemoryShare, OnnxEngineOptions } from './options.ts';
export type { InstanceStatus } from './roster.ts';
export { listProviders, providers } from './providers.ts';
export type { Provider } from './providers.ts';
export type { TensorLayout } from './model-layout.ts';
export { validateRow } from './validate-row.ts';
