import { describe, expect, it } from 'vitest';
import { decodeInferRequest } from './infer-request.ts';
import { encodeInferResponse } from './infer-response.ts';
import { parseHeaderLength } from './message.ts';
import { refusal } from './testing/refusal.ts';
import { defaultWireLimits } from './wire-limits.ts';

const model = { modelName: 'm', modelVersion: '' };

function decode(message: unknown): ReturnType<typeof decodeInferRequest> {
  return decodeInferRequest(model, new TextEncoder().encode(JSON.stringify(message)));
}

function withBinary(json: object, ...binary: Uint8Array[]): [Uint8Array, number] {
  const text = Buffer.from(JSON.stringify(json));
  return [new Uint8Array(Buffer.concat([text, ...binary])), text.length];
}

describe('binary data', () => {
  const floats = (name: string, binary_data_size: number): object => ({
    name,
    datatype: 'FP32',
    shape: [2],
    parameters: { binary_data_size },
  });
  const bytes = new Uint8Array(Float32Array.of(1, 2).buffer);

  it('mixes with JSON in the order listed', () => {
    const inputs = [
      floats('a', 8),
      { name: 'b', datatype: 'INT8', shape: [1], data: [3] },
      { name: 'c', datatype: 'BYTES', shape: [2], parameters: { binary_data_size: 9 } },
    ];
    const strings = Uint8Array.of(1, 0, 0, 0, 65, 0, 0, 0, 0);
    const [body, jsonBytes] = withBinary({ inputs }, bytes, strings);
    const { request } = decodeInferRequest(model, body, jsonBytes);
    expect(request.inputs.map(({ data }) => data)).toEqual([
      Float32Array.of(1, 2),
      Int8Array.of(3),
      [Uint8Array.of(65), Uint8Array.of()],
    ]);
  });

  it('is viewed where it is aligned and copied where it is not', () => {
    for (const shift of [0, 1, 2, 3]) {
      const [packed, jsonBytes] = withBinary({ inputs: [floats('a', 8)] }, bytes);
      const start = ((4 - (jsonBytes % 4)) % 4) + shift;
      const body = new Uint8Array(new ArrayBuffer(start + packed.length), start);
      body.set(packed);
      const data = decodeInferRequest(model, body, jsonBytes).request.inputs[0]!
        .data as Float32Array;
      expect(data).toEqual(Float32Array.of(1, 2));
      expect(data.buffer === body.buffer).toBe(shift === 0);
    }
  });

  it.each([
    ['too few bytes', floats('a', 8), bytes.subarray(1), /at most the 7 bytes that are left/],
    ['too many bytes', floats('a', 8), Uint8Array.of(...bytes, 0), /must have 8 bytes, the sum/],
    ['a size that is not its shape', floats('a', 4), bytes, /must have 8 bytes for 2 elements/],
    ['a negative size', floats('a', -1), bytes, /must be an integer from 0/],
    ['a fraction as size', floats('a', 7.5), bytes, /must be an integer from 0/],
    [
      'a text as size',
      { ...floats('a', 8), parameters: { binary_data_size: '8' } },
      bytes,
      /integer/,
    ],
    ['data too', { ...floats('a', 8), data: [1, 2] }, bytes, /either data or binary_data_size/],
    [
      'a string cut off',
      { name: 'a', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: 8 } },
      Uint8Array.of(5, 0, 0, 0, 1, 2, 3, 4),
      /end inside element 0/,
    ],
    [
      'more strings than its shape',
      { name: 'a', datatype: 'BYTES', shape: [1], parameters: { binary_data_size: 8 } },
      new Uint8Array(8),
      /must end after 1 elements, at byte 4/,
    ],
    [
      'booleans that are neither',
      { name: 'a', datatype: 'BOOL', shape: [1], parameters: { binary_data_size: 1 } },
      Uint8Array.of(2),
      /bytes 0 and 1 only/,
    ],
    [
      'a shape of far more strings',
      { name: 'a', datatype: 'BYTES', shape: [2 ** 20], parameters: { binary_data_size: 8 } },
      new Uint8Array(8),
      /at most 131072 elements/,
    ],
  ])('with %s is refused', (_, input, binary, message) => {
    const [body, jsonBytes] = withBinary({ inputs: [input] }, binary);
    expect(refusal(() => decodeInferRequest(model, body, jsonBytes))).toMatch(message);
  });

  it('does not count as JSON text', () => {
    const [body, jsonBytes] = withBinary({ inputs: [floats('a', 8)] }, bytes);
    const limits = { ...defaultWireLimits, maxJsonBytes: jsonBytes };
    expect(decodeInferRequest(model, body, jsonBytes, limits).request.inputs).toHaveLength(1);
    expect(
      refusal(() =>
        decodeInferRequest(model, body, jsonBytes, { ...limits, maxJsonBytes: jsonBytes - 1 }),
      ),
    ).toMatch(/send large tensors as binary data/);
  });

  it('cannot begin after the end of the body', () => {
    expect(refusal(() => decodeInferRequest(model, new Uint8Array(4), 5))).toMatch(
      /must be at most the 4 bytes of the body/,
    );
  });

  it.each(['-1', '1.5', '0x10', 'many', '', '9'.repeat(20)])('cannot begin at %j', (header) => {
    expect(refusal(() => parseHeaderLength(header))).toMatch(/non-negative integer/);
  });
});

describe('the form of the outputs', () => {
  const response = {
    modelName: 'm',
    modelVersion: '1',
    outputs: [
      { name: 'a', datatype: 'FP32', shape: [1], data: Float32Array.of(1) },
      { name: 'b', datatype: 'FP32', shape: [1], data: Float32Array.of(2) },
    ],
  } as const;

  it.each([
    [undefined, undefined, []],
    [true, undefined, ['a', 'b']],
    [undefined, true, ['a']],
    [true, false, ['b']],
    [false, true, ['a']],
  ])('request %s, first output %s: binary are %j', (whole, first, expected) => {
    const { outputForm, request } = decode({
      inputs: [],
      parameters: { binary_data_output: whole, other: 1 },
      outputs: [{ name: 'a', parameters: { binary_data: first } }, { name: 'b' }],
    });
    expect(request.parameters).toEqual({ other: 1 });
    const { parts, jsonBytes } = encodeInferResponse(response, outputForm);
    const json = JSON.parse(Buffer.from(parts[0]!).toString()) as {
      outputs: { name: string; data?: unknown; parameters?: { binary_data_size: number } }[];
    };
    const binary = json.outputs.filter((output) => output.parameters?.binary_data_size === 4);
    expect(binary.map(({ name }) => name)).toEqual(expected);
    expect(json.outputs.filter(({ data }) => data === undefined)).toEqual(binary);
    expect(jsonBytes).toBe(expected.length === 0 ? undefined : parts[0]!.byteLength);
  });

  it('asks for classes only from one up', () => {
    const ask = (classification: unknown): unknown =>
      decode({ inputs: [], outputs: [{ name: 'a', parameters: { classification } }] }).request
        .outputs;
    expect(ask(3)).toEqual([{ name: 'a', classification: 3 }]);
    expect(ask(0)).toEqual([{ name: 'a' }]);
    expect(refusal(() => ask(-1))).toMatch(/integer from 0/);
    expect(refusal(() => ask('3'))).toMatch(/integer from 0/);
  });

  it.each([
    { name: 'h', datatype: 'FP16', shape: [1], data: Uint16Array.of(1) },
    { name: 'h', datatype: 'BF16', shape: [1], data: Uint16Array.of(1) },
    { name: 'h', datatype: 'BYTES', shape: [1], data: [Uint8Array.of(0xff)] },
  ] as const)('must be binary for %j', (output) => {
    const form = { binaryByDefault: false, binaryOf: new Map() };
    expect(refusal(() => encodeInferResponse({ ...response, outputs: [output] }, form))).toMatch(
      /must be asked for as binary data/,
    );
  });
});
