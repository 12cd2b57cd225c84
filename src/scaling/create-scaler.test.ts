import { describe, expect, it } from 'vitest';
import { makeSlo } from '../slo.ts';
import { createScaler } from './create-scaler.ts';
import { Rehearsal, timeSlicingEstimate } from './test-support.ts';

const wide = { minBatchSize: 1, maxBatchSize: 1024, maxInstances: 64 };
const create = (name: string, limits = wide) =>
  createScaler(name, { limits, estimate: timeSlicingEstimate });

describe('createScaler', () => {
  it.each(['dnnscaler', 'joint', 'batching', 'multi-tenancy', 'clipper'])(
    'makes %s by name',
    (name) => {
      expect(create(name).name).toBe(name);
    },
  );

  it('turns both knobs for auto', () => {
    expect(create('auto').name).toBe('joint');
  });

  it('keeps fixed points within the engine, not within the ranges of the paper', () => {
    expect(create('fixed:256,12').first()).toEqual({ batchSize: 256, instances: 12 });
  });

  it.each([
    ['DNNScaler', 'the scaler must be one of auto, dnnscaler'],
    ['', 'the scaler must be one of'],
    ['fixed', 'the scaler must be one of'],
    ['fixed:', 'the fixed point must be B,N'],
    ['fixed:8', 'the fixed point must be B,N'],
    ['fixed:0,1', 'the fixed point must be B,N'],
    ['fixed:2048,1', 'the fixed batch size must be 1..1024 for this model; received 2048'],
    ['fixed:8,65', 'the fixed count of instances must be 1..64 here; received 65'],
  ])('refuses %j', (name, message) => {
    expect(() => create(name)).toThrow(message);
  });

  it('says what a model with a fixed batch size can do', () => {
    const limits = { minBatchSize: 16, maxBatchSize: 16, maxInstances: 2 };
    expect(() => create('fixed:1,1', limits)).toThrow(
      'the fixed batch size must be 16 for this model; received 1',
    );
    expect(create('batching', limits).first()).toEqual({ batchSize: 16, instances: 1 });
    const huge = { minBatchSize: 256, maxBatchSize: 256, maxInstances: 2 };
    expect(create('batching', huge).first()).toEqual({ batchSize: 256, instances: 1 });
  });

  it.each([
    ['joint', 30, 128],
    ['multi-tenancy', 10, 1],
  ])('has %s go to as many as %d instances and %d rows', (name, instances, batchSize) => {
    const scaler = create(name, { minBatchSize: 1, maxBatchSize: 1024, maxInstances: 30 });
    // Neither further rows nor further instances cost anything.
    const rehearsal = new Rehearsal(scaler, { law: () => 20, slo: makeSlo(200) });
    rehearsal.play(60);
    expect(rehearsal.point).toEqual({ batchSize, instances });
  });
});
