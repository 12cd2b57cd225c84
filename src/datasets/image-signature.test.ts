import { describe, expect, it } from 'vitest';
import { DnnScalerError } from '../errors.ts';
import type { Datatype } from '../tensor/dtype.ts';
import type { ModelSignature } from '../tensor/row.ts';
import { preprocessingHints, recognizePreprocessing, specForSignature } from './image-signature.ts';

function model(
  inputs: readonly (readonly [string, Datatype, readonly number[]])[],
  outputDims: readonly number[] = [1001],
): ModelSignature {
  return {
    inputs: inputs.map(([name, datatype, dims]) => ({ name, datatype, dims })),
    outputs: [{ name: 'out', datatype: 'FP32', dims: outputDims }],
  };
}

describe('specForSignature', () => {
  it('takes size and layout from a channels-last input, and scales FP32 to [-1, 1]', () => {
    const spec = specForSignature(model([['x', 'FP32', [192, 224, 3]]]));
    expect(spec).toEqual({
      width: 224,
      height: 192,
      layout: 'NHWC',
      datatype: 'FP32',
      resize: 'cover',
      channelOrder: 'RGB',
      normalization: { scale: 1 / 255, mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] },
    });
  });

  it('takes size and layout from a channels-first input', () => {
    const spec = specForSignature(model([['x', 'FP32', [3, 192, 224]]]));
    expect(spec).toMatchObject({ width: 224, height: 192, layout: 'NCHW' });
  });

  it('leaves the values of a UINT8 input as they are, even under a hint', () => {
    const spec = specForSignature(
      model([['x', 'UINT8', [224, 224, 3]]]),
      preprocessingHints.imagenet,
    );
    expect(spec.datatype).toBe('UINT8');
    expect(spec).not.toHaveProperty('normalization');
  });

  it('follows a hint', () => {
    const signature = model([['x', 'FP32', [3, 224, 224]]]);
    const spec = specForSignature(signature, preprocessingHints.imagenet);
    expect(spec.normalization?.mean).toEqual([0.485, 0.456, 0.406]);
    expect(specForSignature(signature, { resize: 'stretch' })).toMatchObject({
      resize: 'stretch',
      channelOrder: 'RGB',
      normalization: { scale: 1 / 255, mean: [0.5, 0.5, 0.5] },
    });
  });

  it.each([
    [
      'two inputs',
      [
        ['a', 'FP32', [224, 224, 3]],
        ['b', 'FP32', [1]],
      ],
      'a FP32 [224, 224, 3], b FP32 [1]',
    ],
    ['a text model', [['ids', 'INT64', [128]]], 'ids INT64 [128]'],
    ['one channel', [['x', 'FP32', [1, 28, 28]]], 'x FP32 [1, 28, 28]'],
    ['another type', [['x', 'INT64', [3, 28, 28]]], 'x INT64 [3, 28, 28]'],
    ['no inputs', [], 'no inputs'],
  ] as const)('refuses %s, saying what the model takes', (_, inputs, described) => {
    const act = (): unknown => specForSignature(model(inputs));
    expect(act).toThrow(DnnScalerError);
    expect(act).toThrow(`one image input, UINT8 or FP32, of [height, width, 3]`);
    expect(act).toThrow(`this one has ${described}`);
  });

  it('asks for the shape that a model leaves open', () => {
    expect(() => specForSignature(model([['x', 'FP32', [3, 48, -1]]]))).toThrow(
      'x FP32 [3, 48, ?] leaves it open: fix it with --shape, such as --shape x=1,3,224,224',
    );
    expect(() => specForSignature(model([['x', 'UINT8', [-1, -1, 3]]]))).toThrow(
      '--shape x=1,224,224,3',
    );
  });
});

describe('recognizePreprocessing', () => {
  it.each([
    ['pp-ocr-classifier', [3, 48, 192], [2]],
    ['pp-ocr-detector', [3, 320, 640], [1, 320, 640]],
    ['pp-ocr-detector', [3, 320, 640], [1, -1, -1]],
    ['inception', [3, 300, 640], [1, 300, 640]],
    ['inception', [3, 48, 192], [1000]],
    ['inception', [224, 224, 3], [1001]],
  ] as const)('takes for %s what maps %o to %o', (name, inputDims, outputDims) => {
    expect(recognizePreprocessing(model([['x', 'FP32', inputDims]], outputDims))).toBe(name);
  });

  it('reaches the spec', () => {
    const spec = specForSignature(model([['x', 'FP32', [3, 48, 192]]], [2]));
    expect(spec).toMatchObject({ resize: 'contain', position: 'left-top', channelOrder: 'BGR' });
  });
});
