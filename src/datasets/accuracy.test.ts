import { describe, expect, it } from 'vitest';
import type { ModelSignature, Row } from '../tensor/row.ts';
import { AccuracyMeter } from './accuracy.ts';
import type { DatasetName, Labels } from './labels.ts';

function labelled(dataset: DatasetName | null, classes: readonly (number | undefined)[]): Labels {
  const known = classes.filter((label) => label !== undefined).length;
  return { dataset, known, classOf: (item) => classes[item] };
}

function model(...sizes: number[]): ModelSignature {
  const outputs = sizes.map((size) => ({ name: 'y', datatype: 'FP32' as const, dims: [size] }));
  return { inputs: [], outputs };
}

/** Scores whose largest values stand at these places, the first the largest. */
function reply(size: number, ...places: number[]): Row {
  const data = new Float32Array(size);
  places.forEach((place, i) => {
    data[place] = places.length - i;
  });
  return [{ data, dims: [size] }];
}

describe('AccuracyMeter', () => {
  it.each([
    [1000, 0],
    [1001, 1],
  ])('finds ImageNet classes in %i values from place %i on', (size, offset) => {
    const meter = new AccuracyMeter(labelled('imagenet', [0, 999, 5]), model(size));
    meter.record(0, reply(size, offset));
    meter.record(1, reply(size, 1, 2, 3, 4, 999 + offset));
    meter.record(2, reply(size, 10, 20, 30, 40, 50, 5 + offset));
    expect(meter.report).toEqual({ images: 3, top1: 1 / 3, top5: 2 / 3 });
  });

  it('counts an image once, and no image without a class', () => {
    const meter = new AccuracyMeter(labelled('caltech256', [3, undefined]), model(257));
    meter.record(0, reply(257, 3));
    meter.record(0, reply(257, 4));
    meter.record(1, reply(257, 4));
    expect(meter.report).toEqual({ images: 1, top1: 1, top5: 1 });
  });

  it('counts the clutter only for a model that knows it', () => {
    const meter = new AccuracyMeter(labelled('caltech256', [256, 255]), model(256));
    meter.record(0, reply(256, 0));
    meter.record(1, reply(256, 255));
    expect(meter.report).toEqual({ images: 1, top1: 1, top5: 1 });
  });

  it('counts scores that are all the same, or no numbers, as wrong', () => {
    const meter = new AccuracyMeter(labelled('imagenet', [0, 1]), model(1000));
    meter.record(0, reply(1000));
    meter.record(1, [{ data: new Float32Array(1000).fill(Number.NaN), dims: [1000] }]);
    expect(meter.report).toEqual({ images: 2, top1: 0, top5: 0 });
  });

  it('looks among several outputs', () => {
    const meter = new AccuracyMeter(labelled('imagenet', [7]), model(4, 1001));
    meter.record(0, [...reply(4, 1), ...reply(1001, 8)]);
    expect(meter.report).toMatchObject({ images: 1, top1: 1 });
  });

  it.each([
    [
      'caltech256',
      [1],
      1001,
      /Caltech-256's 257 classes, the model's outputs have 1001 FP32 values/,
    ],
    ['imagenet', [undefined], 1001, /classes are not known \(--labels\)/],
    [null, [undefined], 1001, /tell no classes/],
    ['imagenet', [1], 1000, /no image with a known class was answered/],
  ] as const)('says why it does not report: %s', (dataset, classes, size, why) => {
    const meter = new AccuracyMeter(labelled(dataset, classes), model(size));
    meter.record(1, reply(size, 2));
    expect(meter.report).toEqual({ notReported: expect.stringMatching(why) as unknown });
  });
});
