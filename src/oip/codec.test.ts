import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DnnScalerError } from '../errors.ts';
import type { InferRequest, InferResponse } from './data-plane.ts';
import type { OutputForm } from './output-form.ts';
import { decodeInferRequest, encodeInferRequest } from './infer-request.ts';
import { decodeInferResponse, encodeInferResponse } from './infer-response.ts';
import type { EncodedMessage } from './message.ts';
import {
  arbitraryTensor,
  fingerprint,
  jsonDatatypes,
  wireDatatypes,
} from './testing/arbitrary-tensors.ts';

const model = { modelName: 'm', modelVersion: '2' };

function joined({ parts }: EncodedMessage): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}

const arbitraryParameters = fc.dictionary(
  fc.stringMatching(/^[a-z]{1,6}$/),
  fc.oneof(
    fc.boolean(),
    fc.string(),
    fc.integer(),
    fc.double({ noNaN: true, noDefaultInfinity: true, noInteger: true }),
    fc.bigInt({ min: 2n ** 53n, max: 2n ** 64n - 1n }),
  ),
);

function arbitraryRequest(form: 'json' | 'binary'): fc.Arbitrary<InferRequest> {
  const datatypes = form === 'json' ? jsonDatatypes : wireDatatypes;
  return fc.record({
    modelName: fc.constant(model.modelName),
    modelVersion: fc.constant(model.modelVersion),
    id: fc.string(),
    parameters: arbitraryParameters,
    inputs: fc.uniqueArray(arbitraryTensor(datatypes, form), {
      maxLength: 4,
      selector: ({ name }) => name,
    }),
    outputs: fc.uniqueArray(
      fc.oneof(
        fc.record({ name: fc.string({ minLength: 1 }) }),
        fc.record({
          name: fc.string({ minLength: 1 }),
          classification: fc.integer({ min: 1, max: 1000 }),
        }),
      ),
      { maxLength: 3, selector: ({ name }) => name },
    ),
  });
}

describe.each(['json', 'binary'] as const)('a request in %s form', (form) => {
  it('is read back as it was', () => {
    const binary = form === 'binary';
    fc.assert(
      fc.property(arbitraryRequest(form), (request) => {
        const encoding = { binaryInputs: binary, binaryOutputs: binary };
        const message = encodeInferRequest(request, encoding);
        const { request: read, outputForm } = decodeInferRequest(
          model,
          joined(message),
          message.jsonBytes,
        );
        expect(read.inputs.map(fingerprint)).toEqual(request.inputs.map(fingerprint));
        expect({ ...read, inputs: [] }).toEqual({ ...request, inputs: [] });
        expect(outputForm.binaryByDefault).toBe(binary);
      }),
      { numRuns: 300 },
    );
  });

  it('is refused as invalid, or still read, after any cut or change', () => {
    const damage = fc.record({
      cut: fc.double({ min: 0, max: 1, noNaN: true }),
      changes: fc.array(
        fc.record({ at: fc.double({ min: 0, max: 1, noNaN: true }), byte: fc.nat({ max: 255 }) }),
        { maxLength: 4 },
      ),
      header: fc.integer({ min: -3, max: 3 }),
    });
    let refused = 0;
    fc.assert(
      fc.property(arbitraryRequest(form), damage, (request, { cut, changes, header }) => {
        const message = encodeInferRequest(request, {
          binaryInputs: form === 'binary',
          binaryOutputs: false,
        });
        const whole = joined(message);
        const bytes = whole.slice(0, Math.ceil(whole.length * (changes.length > 0 ? 1 : cut)));
        for (const { at, byte } of changes) bytes[Math.floor(at * (bytes.length - 1))] = byte;
        const jsonBytes =
          message.jsonBytes === undefined ? undefined : Math.max(1, message.jsonBytes + header);
        try {
          decodeInferRequest(model, bytes, jsonBytes);
        } catch (error) {
          refused += 1;
          expect(error).toBeInstanceOf(DnnScalerError);
          expect((error as DnnScalerError).code).toBe('invalid-argument');
        }
      }),
      { numRuns: 1500 },
    );
    expect(refused).toBeGreaterThan(300);
  });
});

describe.each(['json', 'binary'] as const)('a response in %s form', (form) => {
  it('is read back as it was', () => {
    const datatypes = form === 'json' ? jsonDatatypes : wireDatatypes;
    const response: fc.Arbitrary<InferResponse> = fc.record({
      modelName: fc.string(),
      modelVersion: fc.string(),
      id: fc.string(),
      parameters: arbitraryParameters.filter((given) => Object.keys(given).length > 0),
      outputs: fc.uniqueArray(arbitraryTensor(datatypes, form), {
        maxLength: 4,
        selector: ({ name }) => name,
      }),
    });
    const outputForm: OutputForm = { binaryByDefault: form === 'binary', binaryOf: new Map() };
    fc.assert(
      fc.property(response, (given) => {
        const message = encodeInferResponse(given, outputForm);
        expect(message.byteLength).toBe(joined(message).byteLength);
        const read = decodeInferResponse(joined(message), message.jsonBytes);
        expect(read.outputs.map(fingerprint)).toEqual(given.outputs.map(fingerprint));
        expect({ ...read, outputs: [] }).toEqual({ ...given, outputs: [] });
      }),
      { numRuns: 300 },
    );
  });
});
