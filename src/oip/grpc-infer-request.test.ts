import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DnnScalerError } from '../errors.ts';
import { decodeGrpcInferRequest } from './grpc-infer-request.ts';
import type { WireTensor } from './tensor.ts';
import {
  anyParameters,
  anyTensors,
  contents,
  datatypes,
  head,
  toProtoParameters,
  typedDatatypes,
  writeRequest,
} from './testing/inference-messages.ts';
import { bytesFromData } from './wire-bytes.ts';

/** Compares numbers by their bits, so that every NaN is its own. */
function comparable(tensors: readonly WireTensor[]): object[] {
  return tensors.map(({ data, ...rest }) => ({
    ...rest,
    kind: data.constructor.name,
    bytes: Buffer.from(bytesFromData(data)).toString('hex'),
  }));
}

function codeAndMessage(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof DnnScalerError) return `${error.code}: ${error.message}`;
    throw error;
  }
  return 'no error';
}

describe('reading a ModelInferRequest', () => {
  it('gives back raw tensors of every type, wherever in memory the message lies', () => {
    const pool = Buffer.alloc(8192);
    fc.assert(
      fc.property(anyTensors(datatypes), fc.nat({ max: 8 }), (tensors, offset) => {
        const bytes = writeRequest({
          model_name: 'm',
          inputs: tensors.map(head),
          raw_input_contents: tensors.map(({ data }) => bytesFromData(data)),
        });
        const message = pool.subarray(offset, offset + bytes.byteLength);
        bytes.copy(message);
        const { inputs } = decodeGrpcInferRequest(message);
        expect(comparable(inputs)).toEqual(comparable(tensors));
      }),
    );
  });

  it('gives back typed contents of every type that has some', () => {
    fc.assert(
      fc.property(anyTensors(typedDatatypes), (tensors) => {
        // Which bits of a NaN survive a trip through numbers of another width is up to the writer.
        const isExact = tensors.every(({ data }) => !Array.from<unknown>(data).some(Number.isNaN));
        fc.pre(isExact);
        const bytes = writeRequest({
          model_name: 'm',
          inputs: tensors.map((tensor) => ({ ...head(tensor), contents: contents(tensor) })),
        });
        expect(comparable(decodeGrpcInferRequest(bytes).inputs)).toEqual(comparable(tensors));
      }),
    );
  });

  it('gives back parameters, id, version and requested outputs', () => {
    fc.assert(
      fc.property(anyParameters, fc.string({ unit: 'grapheme' }), (parameters, id) => {
        const bytes = writeRequest({
          model_name: 'm',
          model_version: '3',
          id,
          parameters: toProtoParameters(parameters),
          outputs: [
            { name: 'a', parameters: { classification: { int64_param: 5 } } },
            { name: 'b', parameters: { binary_data: { bool_param: true } } },
          ],
        });
        const request = decodeGrpcInferRequest(bytes);
        expect(request.parameters).toEqual(parameters);
        expect(request.id).toBe(id === '' ? undefined : id);
        expect(request.modelVersion).toBe('3');
        expect(request.outputs).toEqual([{ name: 'a', classification: 5 }, { name: 'b' }]);
      }),
    );
  });

  it('views an aligned raw tensor in place, and moves another down without new memory', () => {
    const floats = Float32Array.from({ length: 100 }, (_, i) => i);
    const bytes = writeRequest({
      model_name: 'm',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [100] }],
      raw_input_contents: [Buffer.from(floats.buffer)],
    });
    for (let offset = 0; offset < 4; offset += 1) {
      const memory = Buffer.alloc(1024);
      const message = memory.subarray(offset, offset + bytes.byteLength);
      bytes.copy(message);
      const [input] = decodeGrpcInferRequest(message).inputs;
      expect(input!.data).toEqual(floats);
      expect((input!.data as Float32Array).buffer).toBe(memory.buffer);
    }
  });

  it('takes repeated numbers packed and one by one', () => {
    // name "x", datatype "INT32", shape [2] unpacked; contents with int_contents 7 and -1 unpacked.
    const minusOne = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    const numbers = [0x10, 7, 0x10, ...minusOne];
    const tensor = [
      ...[0x0a, 1, 0x78],
      ...[0x12, 5, ...Buffer.from('INT32')],
      ...[0x18, 2],
      ...[0x2a, numbers.length, ...numbers],
    ];
    const message = Buffer.from([0x0a, 1, 0x6d, 0x2a, tensor.length, ...tensor]);
    const [input] = decodeGrpcInferRequest(message).inputs;
    expect(input).toMatchObject({ shape: [2], data: Int32Array.of(7, -1) });
  });

  const x = { name: 'x', datatype: 'FP32', shape: [2] };
  const two = { fp32_contents: [1, 2] };
  const raw = Buffer.alloc(8);
  const m = { model_name: 'm' };
  it.each<[string, object, RegExp]>([
    ['no model name', {}, /invalid-argument: the model name/],
    ['a model name with a path', { model_name: '../m' }, /invalid-argument: the model name/],
    ['no data', { ...m, inputs: [x] }, /must have 2 elements in fp32_contents; received "fewer"/],
    [
      'too few elements',
      { ...m, inputs: [{ ...x, contents: { fp32_contents: [1] } }] },
      /must have 2 elements in fp32_contents; received "fewer"/,
    ],
    [
      'too many elements',
      { ...m, inputs: [{ ...x, contents: { fp32_contents: [1, 2, 3] } }] },
      /must have 2 elements in fp32_contents; received "more"/,
    ],
    [
      'too many varints',
      { ...m, inputs: [{ ...x, datatype: 'INT8', contents: { int_contents: [1, 2, 3] } }] },
      /must have 2 elements in int_contents; received "more"/,
    ],
    [
      'elements in the field of another type',
      { ...m, inputs: [{ ...x, contents: { fp64_contents: [1, 2] } }] },
      /must have its elements in fp32_contents, as FP32; received "fp64_contents"/,
    ],
    [
      'a value outside of its type',
      { ...m, inputs: [{ ...x, datatype: 'INT8', contents: { int_contents: [1, 128] } }] },
      /must hold values of INT8; received 128/,
    ],
    [
      'typed contents of FP16',
      { ...m, inputs: [{ ...x, datatype: 'FP16', contents: two }] },
      /must come in raw_input_contents, as its type is; received "FP16"/,
    ],
    [
      'raw contents of the wrong length',
      { ...m, inputs: [x], raw_input_contents: [Buffer.alloc(7)] },
      /raw contents of input "x" must have 8 bytes for 2 elements of FP32; received 7/,
    ],
    [
      'fewer raw contents than inputs',
      { ...m, inputs: [x, { ...x, name: 'y' }], raw_input_contents: [raw] },
      /raw_input_contents must have one entry for each of the 2 inputs; received 1/,
    ],
    [
      'raw and typed contents',
      { ...m, inputs: [{ ...x, contents: two }], raw_input_contents: [raw] },
      /must have no contents beside raw_input_contents/,
    ],
    [
      'an unknown type',
      { ...m, inputs: [{ ...x, datatype: 'FP8' }] },
      /datatype of input "x" must/,
    ],
    ['a negative dimension', { ...m, inputs: [{ ...x, shape: [-1] }] }, /non-negative integers/],
    [
      'a shape with an absurd product',
      { ...m, inputs: [{ ...x, shape: ['9007199254740991', 4] }] },
      /must have at most 268435456 elements/,
    ],
    ['too many dimensions', { ...m, inputs: [{ ...x, shape: Array(33).fill(1) }] }, /at most 32/],
    ['an input without a name', { ...m, inputs: [{ ...x, name: '' }] }, /name of input 0/],
    [
      'an input given twice',
      { ...m, inputs: [x, x], raw_input_contents: [raw, raw] },
      /input "x" must be given once/,
    ],
    [
      'an output asked for twice',
      { ...m, outputs: [{ name: 'y' }, { name: 'y' }] },
      /output "y" must be given once/,
    ],
    [
      'a parameter without a value',
      { ...m, parameters: { a: {} } },
      /parameter "a" of the request must have/,
    ],
    [
      'a classification that is no number',
      { ...m, outputs: [{ name: 'y', parameters: { classification: { string_param: 'a' } } }] },
      /classification of output "y" must be a non-negative integer/,
    ],
    [
      'a tensor in shared memory',
      { ...m, inputs: [{ ...x, parameters: { shared_memory_region: { string_param: 'r' } } }] },
      /unsupported: input "x" lies in shared memory/,
    ],
  ])('refuses %s', (_, request, error) => {
    expect(codeAndMessage(() => decodeGrpcInferRequest(writeRequest(request)))).toMatch(error);
  });

  it('takes no memory for elements that a message claims but does not have', () => {
    const shape = [2 ** 28];
    const request = { ...m, inputs: [{ name: 'x', datatype: 'INT64', shape }] };
    const before = process.memoryUsage().arrayBuffers;
    expect(codeAndMessage(() => decodeGrpcInferRequest(writeRequest(request)))).toMatch(/fewer/);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(2 ** 24);
  });

  it('answers broken messages with errors of ours, whatever is broken', () => {
    const bytes = writeRequest({
      ...m,
      id: 'id',
      parameters: { p: { int64_param: 5 } },
      inputs: [
        { ...x, contents: two },
        { ...x, name: 'y', datatype: 'INT64' },
      ],
      outputs: [{ name: 'y', parameters: { classification: { int64_param: 5 } } }],
      raw_input_contents: [raw],
    });
    const edit = fc.tuple(fc.nat({ max: bytes.byteLength - 1 }), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(
        fc.array(edit, { minLength: 1, maxLength: 4 }),
        fc.nat({ max: bytes.byteLength }),
        (edits, length) => {
          const message = Buffer.from(bytes.subarray(0, length));
          for (const [at, byte] of edits) if (at < length) message[at] = byte;
          codeAndMessage(() => decodeGrpcInferRequest(message));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
