import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InferResponse } from './data-plane.ts';
import {
  encodeGrpcInferResponse,
  encodeGrpcStreamError,
  encodeGrpcStreamResponse,
} from './grpc-infer-response.ts';
import {
  anyParameters,
  anyTensors,
  datatypes,
  head,
  readResponse,
  readStreamResponse,
  toProtoParameters,
} from './testing/inference-messages.ts';
import { bytesFromData } from './wire-bytes.ts';

describe('writing a ModelInferResponse', () => {
  it('is read back by others, with raw tensors of every type', () => {
    fc.assert(
      fc.property(anyTensors(datatypes), anyParameters, (outputs, parameters) => {
        const response: InferResponse = {
          modelName: 'm',
          modelVersion: '1',
          id: 'a',
          parameters,
          outputs,
        };
        const read = readResponse(encodeGrpcInferResponse(response)) as {
          outputs: { name: string; datatype: string; shape: string[] }[];
          raw_output_contents: Buffer[];
          parameters: Readonly<Record<string, ProtoParameter>>;
        };
        expect(read).toMatchObject({ model_name: 'm', model_version: '1', id: 'a' });
        const heads = read.outputs.map(({ name, datatype, shape }) => {
          return { name, datatype, shape: shape.map(Number) };
        });
        expect(heads).toEqual(outputs.map(head));
        expect(read.raw_output_contents.map((bytes) => bytes.toString('hex'))).toEqual(
          outputs.map(({ data }) => Buffer.from(bytesFromData(data)).toString('hex')),
        );
        expect(withoutChoice(read.parameters)).toEqual(toProtoParameters(parameters));
      }),
    );
  });

  it('wraps responses and errors of a stream', () => {
    const outputs = [
      { name: 'y', datatype: 'UINT8', shape: [3], data: Uint8Array.of(1, 2, 3) },
    ] as const;
    const response = { modelName: 'm', modelVersion: '1', id: 'a', outputs };
    expect(readStreamResponse(encodeGrpcStreamResponse(response))).toMatchObject({
      error_message: '',
      infer_response: { model_name: 'm', id: 'a', raw_output_contents: [Buffer.of(1, 2, 3)] },
    });
    expect(readStreamResponse(encodeGrpcStreamError('no', 'b'))).toMatchObject({
      error_message: 'no',
      infer_response: { id: 'b', outputs: [] },
    });
    expect(readStreamResponse(encodeGrpcStreamError('no', undefined))).toMatchObject({
      error_message: 'no',
      infer_response: null,
    });
  });
});

interface ProtoParameter {
  readonly parameter_choice: string;
  readonly [field: string]: unknown;
}

/** proto-loader adds the name of the field that is set. */
function withoutChoice(parameters: Readonly<Record<string, ProtoParameter>>): object {
  return Object.fromEntries(
    Object.entries(parameters).map(([key, { parameter_choice: choice, ...value }]) => {
      expect(Object.keys(value)).toEqual([choice]);
      return [key, value];
    }),
  );
}
