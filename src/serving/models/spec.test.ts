import { describe, expect, it } from 'vitest';
import { makeSlo } from '../../slo.ts';
import type { ModelConfigFile } from './model-config.ts';
import { specOf } from './spec.ts';
import type { ModelDefaults } from './spec.ts';

const onGpu: ModelDefaults = {
  slo: makeSlo(50),
  scaler: 'auto',
  objective: 'throughput',
  engine: { provider: 'cuda', device: 1, memoryPerInstance: { fraction: 0.1 }, seed: 3 },
};

const spec = (config: ModelConfigFile): ReturnType<typeof specOf> =>
  specOf({
    ...{ name: 'm', version: '1', modelPath: 'm.onnx', labels: [] },
    ...{ config, defaults: onGpu },
  });

describe('what is to be served', () => {
  it('follows the server where the model says nothing', () => {
    expect(spec({})).toMatchObject({ objective: 'throughput', engine: onGpu.engine });
  });

  it('is what the model says', () => {
    const config = {
      device: 0,
      memoryPerInstance: '2GiB',
      objective: 'throughput-per-watt',
    } as const;
    expect(spec(config)).toMatchObject({
      objective: 'throughput-per-watt',
      engine: { provider: 'cuda', device: 0, memoryPerInstance: { bytes: 2 * 2 ** 30 } },
    });
  });

  it('takes no GPU of the server to another provider', () => {
    const { engine } = spec({ provider: 'cpu' });
    expect(engine).toEqual({ modelPath: 'm.onnx', provider: 'cpu', seed: 3 });
  });
});
