import { InferenceSession, Tensor, env } from 'onnxruntime-node';
import { elementBytes, viewOf } from '../../tensor/dtype.ts';
import type { NumericDatatype } from '../../tensor/dtype.ts';
import type {
  ModelMetadata,
  PackedBatch,
  PackedTensor,
  SessionConfig,
  ValueMetadata,
} from './protocol.ts';
import { datatypeOfRuntime } from './runtime-types.ts';

// Whatever goes wrong reaches us as an exception; the runtime's own log would only repeat it.
env.logLevel = 'fatal';

/** Views of 8-byte elements must start at a multiple of their size. */
const outputAlignment = 8;

/** One session of ONNX Runtime, in the thread or process that runs it. */
export class Runner {
  readonly metadata: ModelMetadata;
  readonly #session: InferenceSession;
  readonly #outputs: readonly string[];

  private constructor(session: InferenceSession) {
    this.#session = session;
    this.metadata = {
      inputs: session.inputMetadata.map(describe),
      outputs: session.outputMetadata.map(describe),
    };
    this.#outputs = session.outputMetadata
      .filter(({ isTensor }) => isTensor)
      .map(({ name }) => name);
  }

  /** Loads the model; blocks its thread while it does. Throws what the runtime throws. */
  static async load(modelPath: string, config: SessionConfig): Promise<Runner> {
    const session = await InferenceSession.create(modelPath, {
      executionProviders: executionProviders(config),
      intraOpNumThreads: config.threads,
      interOpNumThreads: 1,
      graphOptimizationLevel: 'all',
      enableCpuMemArena: true,
      logSeverityLevel: 4,
      // Between runs the next piece of work is milliseconds away, and a spinning thread holds a core.
      extra: {
        session: config.spinning
          ? { force_spinning_stop: '1' }
          : { intra_op: { allow_spinning: '0' } },
      },
    });
    return new Runner(session);
  }

  /** Runs one batch; blocks its thread while it does. Throws what the runtime throws. */
  async run(tensors: readonly PackedTensor[], buffer: ArrayBuffer): Promise<PackedBatch> {
    const feeds: Record<string, Tensor> = {};
    for (const [index, packed] of tensors.entries()) {
      const input = this.metadata.inputs[index];
      if (input?.type === undefined) throw new Error(`there is no tensor input ${index}`);
      feeds[input.name] = tensorOf(input.type, packed, buffer);
    }
    const results = await this.#session.run(feeds, this.#outputs);
    return packOutputs(this.#outputs.map((name) => results[name] as Tensor));
  }

  async release(): Promise<void> {
    await this.#session.release();
  }
}

/** The provider and what takes over where it cannot; the CPU does that by itself. */
function executionProviders({
  provider,
  deviceId,
}: SessionConfig): InferenceSession.ExecutionProviderConfig[] {
  // TensorRT leaves operators that it does not have to the next provider (ONNX Runtime's manual).
  const names = provider === 'tensorrt' ? (['tensorrt', 'cuda'] as const) : [provider];
  // The WebGPU provider refuses options that it does not know, this one among them.
  return names.map((name) => (deviceId === undefined ? name : { name, deviceId }));
}

function describe(metadata: InferenceSession.ValueMetadata): ValueMetadata {
  if (!metadata.isTensor) return { name: metadata.name, type: undefined, shape: [] };
  return { name: metadata.name, type: metadata.type, shape: metadata.shape };
}

/** A tensor of the runtime over the batch's own memory: nothing is copied. */
function tensorOf(type: string, packed: PackedTensor, buffer: ArrayBuffer): Tensor {
  if ('strings' in packed) return new Tensor('string', [...packed.strings], [...packed.dims]);
  const datatype = datatypeOfRuntime(type) as NumericDatatype;
  const length = packed.byteLength / elementBytes(datatype);
  const data = viewOf(datatype, buffer, packed.byteOffset, length);
  if (type === 'float16') return halfTensor(data as Uint16Array, packed.dims);
  return new Tensor(type as 'float32', data as Float32Array, [...packed.dims]);
}

/**
 * Where there is a Float16Array (Node 24), the runtime would turn the bits into one, and its native
 * half then finds no bytes in it (onnxruntime-node 1.30.0).
 */
function halfTensor(bits: Uint16Array, dims: readonly number[]): Tensor {
  return Object.assign(new Tensor('uint16', bits, [...dims]), { type: 'float16' });
}

/**
 * Copies outputs into one buffer that can be transferred. The runtime's own buffers may be memory
 * of the session, which must not leave its thread.
 */
function packOutputs(outputs: readonly Tensor[]): PackedBatch {
  const tensors: PackedTensor[] = [];
  const sources: [byteOffset: number, bytes: Uint8Array][] = [];
  let usedBytes = 0;
  for (const output of outputs) {
    const dims = [...output.dims];
    const { data } = output;
    if (Array.isArray(data)) {
      tensors.push({ dims, strings: data });
      continue;
    }
    const { buffer, byteOffset, byteLength } = data;
    tensors.push({ dims, byteOffset: usedBytes, byteLength });
    sources.push([usedBytes, new Uint8Array(buffer, byteOffset, byteLength)]);
    usedBytes = Math.ceil((usedBytes + byteLength) / outputAlignment) * outputAlignment;
  }
  const packed = new Uint8Array(usedBytes);
  for (const [byteOffset, bytes] of sources) packed.set(bytes, byteOffset);
  return { tensors, buffer: packed.buffer, usedBytes };
}
