import { describe, expect, it } from 'vitest';
import { decodeInferRequest } from './infer-request.ts';
import type { RequestHead } from './request-heads.ts';
import { RequestHeads } from './request-heads.ts';
import { refusal } from './testing/refusal.ts';

const binaryHead: RequestHead = {
  id: undefined,
  parameters: {},
  inputs: [{ name: 'x', datatype: 'INT8', shape: [2], count: 2, binaryBytes: 2 }],
  outputs: [],
  outputForm: { binaryByDefault: true, binaryOf: new Map() },
};

function countingHeads() {
  const heads = new RequestHeads();
  let decoded = 0;
  const of = (text: string | Uint8Array, head = binaryHead): RequestHead =>
    heads.of(typeof text === 'string' ? Buffer.from(text) : text, () => {
      decoded += 1;
      return head;
    });
  return { of, decoded: () => decoded };
}

describe('the text in front of a request', () => {
  it('is read once while requests repeat it', () => {
    const { of, decoded } = countingHeads();
    expect([of('a'), of('b'), of('a')]).toEqual([binaryHead, binaryHead, binaryHead]);
    expect(decoded()).toBe(2);
  });

  it('is another where any byte is', () => {
    const { of, decoded } = countingHeads();
    for (let byte = 0; byte < 64; byte += 1) of(Uint8Array.of(0xc3, 0x80 + byte));
    for (let byte = 0; byte < 64; byte += 1) of(Uint8Array.of(0xc3, 0x80 + byte));
    expect(decoded()).toBe(64);
  });

  it('is forgotten when 64 others have come since it was last seen', () => {
    const { of, decoded } = countingHeads();
    of('in use');
    of('not in use');
    for (let i = 0; i < 63; i += 1) {
      of('in use');
      of(`number ${i}`);
    }
    expect(decoded()).toBe(65);
    of('in use');
    of('number 0');
    expect(decoded()).toBe(65);
    of('not in use');
    expect(decoded()).toBe(66);
  });

  it('is read every time where it holds data, or is long', () => {
    const { of, decoded } = countingHeads();
    const data = Int8Array.of(1);
    const withData = { ...binaryHead, inputs: [{ name: 'x', datatype: 'INT8', shape: [1], data }] };
    for (let i = 0; i < 2; i += 1) of('with data', withData as RequestHead);
    for (let i = 0; i < 2; i += 1) of(' '.repeat(1025));
    expect(decoded()).toBe(4);
    for (let i = 0; i < 2; i += 1) of(' '.repeat(1024));
    expect(decoded()).toBe(5);
  });

  it('is refused every time it is malformed', () => {
    const heads = new RequestHeads();
    const [body, jsonBytes] = message('{"inputs":[{}]}', Uint8Array.of());
    for (let i = 0; i < 2; i += 1) {
      expect(refusal(() => decodeInferRequest(model, body, jsonBytes, undefined, heads))).toMatch(
        /name of input 0/,
      );
    }
  });
});

describe('a request whose text is known', () => {
  const text =
    '{"id":"7","inputs":[{"name":"x","datatype":"INT8","shape":[2],"parameters":{"binary_data_size":2}}]}';

  it('has its own data, model and version', () => {
    const heads = new RequestHeads();
    const first = decodeInferRequest(
      model,
      ...message(text, Uint8Array.of(1, 2)),
      undefined,
      heads,
    );
    const other = { modelName: 'other', modelVersion: '3' };
    const second = decodeInferRequest(
      other,
      ...message(text, Uint8Array.of(3, 4)),
      undefined,
      heads,
    );
    expect(first.request).toMatchObject({ ...model, id: '7', inputs: [{ data: { 0: 1, 1: 2 } }] });
    expect(second.request).toMatchObject({ ...other, id: '7', inputs: [{ data: { 0: 3, 1: 4 } }] });
    expect(second.outputForm).toEqual(first.outputForm);
  });

  it.each([
    ['too few', Uint8Array.of(1)],
    ['too many', Uint8Array.of(1, 2, 3)],
  ])('is refused with %s bytes', (_, binary) => {
    const heads = new RequestHeads();
    decodeInferRequest(model, ...message(text, Uint8Array.of(1, 2)), undefined, heads);
    const [body, jsonBytes] = message(text, binary);
    const withHeads = refusal(() => decodeInferRequest(model, body, jsonBytes, undefined, heads));
    expect(withHeads).toBe(refusal(() => decodeInferRequest(model, body, jsonBytes)));
  });
});

const model = { modelName: 'm', modelVersion: '' };

function message(json: string, binary: Uint8Array): [Uint8Array, number] {
  const text = Buffer.from(json);
  return [new Uint8Array(Buffer.concat([text, binary])), text.length];
}
