import { describe, expect, it } from 'vitest';
import { gpuLine } from './gpu-text.ts';

const sample = {
  ...{ index: 0, uuid: 'GPU-1', name: 'Tesla P40', driverVersion: '550', timeMs: 0 },
  isPartitioned: false,
};

describe('gpuLine', () => {
  it('says what a GPU is doing', () => {
    const busy = {
      ...sample,
      ...{ utilization: 0.87, powerWatts: 212.4, smClockMhz: 1531, temperatureC: 61 },
      ...{ memoryUsedBytes: 1e10, memoryTotalBytes: 24 * 2 ** 30 },
    };
    expect(gpuLine(busy)).toBe('GPU 0, 87% busy, 212 W, 9.31 GiB of 24.0 GiB, 1531 MHz, 61 C');
  });

  it('leaves out what is not told', () => {
    expect(gpuLine(sample)).toBe('GPU 0');
  });
});
