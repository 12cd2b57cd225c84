import { describe, expect, it } from 'vitest';
import { makeSlo } from '../../slo.ts';
import { hintOf, memoryShareOf, parseModelConfig, sloOf } from './model-config.ts';

describe('a model configuration', () => {
  it('may say everything, or nothing', () => {
    expect(parseModelConfig('{}', 'm')).toEqual({});
    const config = parseModelConfig(
      '{"slo": "20ms", "percentile": 0.99, "preprocessing": "imagenet", "shapes": {"x": [1, 3]}}',
      'm',
    );
    expect(sloOf(config, makeSlo(50))).toEqual(makeSlo(20, 0.99));
    expect(hintOf(config.preprocessing)).toMatchObject({ channelOrder: 'RGB' });
  });

  it('falls back to the objective of the server', () => {
    expect(sloOf({}, makeSlo(50, 0.9))).toEqual(makeSlo(50, 0.9));
    expect(sloOf({ percentile: 0.5 }, makeSlo(50))).toEqual(makeSlo(50, 0.5));
  });

  it.each([
    ['{', /m\/dnnscaler.json is no JSON/],
    ['[]', /m\/dnnscaler.json/],
    ['{"slos": 1}', /slos/],
    ['{"percentile": 2}', /percentile/],
    ['{"maxBatchSize": 0}', /maxBatchSize/],
    ['{"preprocessing": "magic"}', /preprocessing/],
    ['{"objective": "watts"}', /objective/],
    ['{"device": -1}', /device/],
    ['{"memoryPerInstance": 1.5}', /memoryPerInstance/],
  ])('refuses %s', (json, message) => {
    expect(() => parseModelConfig(json, 'm/dnnscaler.json')).toThrow(message);
  });

  it('gives instances a share of the memory, or bytes', () => {
    expect(memoryShareOf({})).toBeUndefined();
    expect(memoryShareOf({ memoryPerInstance: 0.1 })).toEqual({ fraction: 0.1 });
    expect(memoryShareOf({ memoryPerInstance: '2GiB' })).toEqual({ bytes: 2 * 2 ** 30 });
    expect(() => memoryShareOf({ memoryPerInstance: 'much' })).toThrow(/memoryPerInstance.*"much"/);
  });

  it('refuses an objective that is none', () => {
    expect(() => sloOf({ slo: 'fast' }, makeSlo(50))).toThrow(/slo.*"fast"/);
  });
});
