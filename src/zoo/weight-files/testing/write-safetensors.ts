import type { ZooNetwork } from '../../network.ts';
import type { Initializer } from '../../onnx/graph.ts';
import { seededWeights } from '../../weights.ts';
import { requiredWeights } from '../weights-report.ts';

/** A tensor to be written: its data are little-endian bytes of the type. */
export interface WrittenTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/** The bytes of a safetensors file. */
export function safetensorsOf(tensors: Readonly<Record<string, WrittenTensor>>): Buffer {
  const header: Record<string, unknown> = { __metadata__: { format: 'np' } };
  let offset = 0;
  for (const [name, { dtype, shape, data }] of Object.entries(tensors)) {
    header[name] = { dtype, shape, data_offsets: [offset, offset + data.length] };
    offset += data.length;
  }
  return rawSafetensors(
    JSON.stringify(header),
    Buffer.concat(Object.values(tensors).map(({ data }) => data)),
  );
}

/** A file with any header. */
export function rawSafetensors(header: string, data: Uint8Array = new Uint8Array()): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(Buffer.byteLength(header)));
  return Buffer.concat([length, Buffer.from(header), data]);
}

/** A network's seeded weights as a file for it has them: TensorFlow's names and order of axes. */
export function tensorflowWeights(
  network: ZooNetwork,
  seed: number,
): Record<string, WrittenTensor> {
  const made = new Map<string, Initializer>();
  const source = seededWeights(seed);
  network.build({
    weights: {
      key: '',
      tensor(name, dims, fill) {
        const tensor = source.tensor(name, dims, fill);
        made.set(name, tensor);
        return tensor;
      },
    },
  });
  return Object.fromEntries(
    requiredWeights(network).map(({ name, dims }) => {
      const data = toTensorflow(made.get(name) as Initializer);
      return [name, { dtype: 'F32', shape: dims, data: new Uint8Array(data.buffer) }];
    }),
  );
}

/** [filters, inputs, height, width] as [height, width, inputs, filters]. */
function toTensorflow({ dims, ...tensor }: Initializer): Float32Array {
  const data = tensor.data() as Float32Array;
  if (dims.length !== 4) return data;
  const [filters, inputs, height, width] = dims as [number, number, number, number];
  const result: number[] = [];
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      for (let input = 0; input < inputs; input += 1) {
        for (let filter = 0; filter < filters; filter += 1) {
          const at = ((filter * inputs + input) * height + y) * width + x;
          result.push(data[at] as number);
        }
      }
    }
  }
  return Float32Array.from(result);
}
