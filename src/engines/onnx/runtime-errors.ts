import { DnnScalerError } from '../../errors.ts';
import type { ErrorCode } from '../../errors.ts';
import type { Provider } from './providers.ts';

/** A place in the runtime's sources and the C++ function there, as its messages begin. */
const sourcePlace =
  /(\/|[A-Za-z]:\\)[^\s:]*onnxruntime[^\s:]*:\d+ [^)]*\)(::<lambda\(\)>)?( const)? /g;

/** What a C++ template was made for, within such a place. */
const templateArguments = / \[with [^\]]*\]/g;

/** Where a call of CUDA failed, at the end of the provider's messages. */
const cudaPlace = / ; GPU=\S+ ; hostname=.*$/;

/** The message of what the runtime threw, as one line without the places of its source files. */
export function runtimeMessage(thrown: unknown): string {
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return message
    .replaceAll(templateArguments, '')
    .replaceAll(sourcePlace, '')
    .replaceAll(/\s+/g, ' ')
    .replace(cudaPlace, '')
    .trim();
}

const loadCodes: readonly (readonly [RegExp, ErrorCode])[] = [
  [/allocat|bad_alloc|out of memory/i, 'resource-exhausted'],
  [
    /not a registered function|no op(schema)? registered|not_implemented|could not find an implementation|unsupported (data type|model ir|opset)|is under development/i,
    'unsupported',
  ],
  [/failed to load|shared library|no available backend|adapter|device|driver/i, 'unavailable'],
  [
    /protobuf|does not have a graph|invalid_graph|invalid_protobuf|not a valid|invalid model|type inference|shape inference/i,
    'invalid-argument',
  ],
];

const runCodes: readonly (readonly [RegExp, ErrorCode])[] = [
  [/failed to allocate|bad_alloc|out of memory/i, 'resource-exhausted'],
  [
    /invalid_argument|got invalid dimensions|unexpected input data type|invalid rank|out of (data )?bounds/i,
    'invalid-argument',
  ],
];

/** Whose fault it is that a model could not be loaded, judged by the runtime's message. */
export function loadErrorCode(message: string): ErrorCode {
  return codeOf(message, loadCodes);
}

/** Whose fault it is that a run failed, judged by the runtime's message. */
export function runErrorCode(message: string): ErrorCode {
  return codeOf(message, runCodes);
}

/** The error that says which model could not be loaded, and why. */
export function loadError(
  modelPath: string,
  provider: Provider,
  code: ErrorCode,
  message: string,
): DnnScalerError {
  const reason = /failed to get a webgpu adapter/i.test(message)
    ? 'WebGPU finds no GPU driver that it can use; of Mesa it takes version 25 or later'
    : message.replace(/^Load model from .* failed: ?/, '');
  const where = provider === 'cpu' ? '' : ` on ${provider}`;
  return new DnnScalerError(code, `the model ${modelPath} cannot be loaded${where}: ${reason}`);
}

function codeOf(message: string, codes: readonly (readonly [RegExp, ErrorCode])[]): ErrorCode {
  return codes.find(([pattern]) => pattern.test(message))?.[1] ?? 'internal';
}
