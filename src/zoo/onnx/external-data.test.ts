import { Writer } from 'protobufjs/minimal.js';
import { describe, expect, it } from 'vitest';
import { externalDataLocations } from './external-data.ts';

/** A message of one field with a length, by the numbers of onnx.proto. */
function field(number: number, content: Uint8Array): Uint8Array {
  return new Writer()
    .uint32(number * 8 + 2)
    .bytes(content)
    .finish();
}

function tensorAt(location: string): Uint8Array {
  const text = new TextEncoder();
  const entry = Buffer.concat([field(1, text.encode('location')), field(2, text.encode(location))]);
  return Buffer.concat([field(8, text.encode('w')), field(13, entry)]);
}

describe('externalDataLocations', () => {
  it('finds initializers, and constants of nodes in subgraphs', () => {
    const inner = field(5, tensorAt('inner.bin'));
    const node = field(5, field(6, inner));
    const graph = Buffer.concat([field(5, tensorAt('../weights.bin')), field(1, node)]);
    expect(externalDataLocations(field(7, graph))).toEqual(['../weights.bin', 'inner.bin']);
  });

  it('finds nothing where there is nothing', () => {
    expect(externalDataLocations(new Uint8Array())).toEqual([]);
  });

  it('throws for bytes that are no message', () => {
    expect(() => externalDataLocations(new Uint8Array([58, 200]))).toThrow();
  });
});
