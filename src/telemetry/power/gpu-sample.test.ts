import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseGpuLine, queryFields } from './gpu-sample.ts';

const mib = 2 ** 20;

describe('parseGpuLine', () => {
  it('reads what a GPU says of itself, in units of its own', () => {
    const line =
      '0, GPU-9af3, 550.54.15, Disabled, 87, 40960, 81559, 1755, 2619, 61, 410.25, NVIDIA H100 80GB HBM3';
    expect(line.split(',')).toHaveLength(queryFields('power.draw').split(',').length);
    expect(parseGpuLine(line, 5)).toEqual({
      index: 0,
      uuid: 'GPU-9af3',
      name: 'NVIDIA H100 80GB HBM3',
      driverVersion: '550.54.15',
      timeMs: 5,
      isPartitioned: false,
      utilization: 0.87,
      memoryUsedBytes: 40960 * mib,
      memoryTotalBytes: 81559 * mib,
      smClockMhz: 1755,
      memoryClockMhz: 2619,
      temperatureC: 61,
      powerWatts: 410.25,
    });
  });

  it('leaves out what a GPU does not tell, whatever it says instead', () => {
    for (const nothing of ['[N/A]', '[Not Supported]', '[Unknown Error]', '[GPU is lost]', '']) {
      const line = `3, GPU-1, 470.1, ${Array(7).fill(nothing).join(', ')}, ${nothing}, GeForce`;
      const sample = parseGpuLine(line, 0);
      expect(sample).toEqual({
        ...{ index: 3, uuid: 'GPU-1', name: 'GeForce', driverVersion: '470.1', timeMs: 0 },
        isPartitioned: false,
      });
    }
  });

  it('takes 0 W for a sensor that does not work, but 0% for an idle GPU', () => {
    const sample = parseGpuLine('0, GPU-1, 5, [N/A], 0, 0, 100, 0, 0, 0, 0.00, T4', 0);
    expect(sample?.powerWatts).toBeUndefined();
    expect(sample).toMatchObject({ utilization: 0, memoryUsedBytes: 0 });
  });

  it('keeps commas in a name, and knows a GPU that is cut up', () => {
    const sample = parseGpuLine('1, GPU-1, 5, Enabled, [N/A], 1, 2, 3, 4, 5, 60.5, A, B', 0);
    expect(sample).toMatchObject({ name: 'A, B', isPartitioned: true, powerWatts: 60.5 });
  });

  it('takes no message for a sample', () => {
    for (const line of [
      'No devices were found',
      'Unable to determine the device handle for GPU 0000:02:00.0: Unknown Error',
      "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver.",
      '0, GPU-1, 5',
    ]) {
      expect(parseGpuLine(line, 0)).toBeUndefined();
    }
  });

  it('never throws, and never makes a figure up', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        const sample = parseGpuLine(`0, GPU-1, 5, [N/A], ${a}, 1, 2, 3, 4, 5, ${b}, X`, 0);
        for (const value of Object.values(sample ?? {})) {
          if (typeof value === 'number') expect(Number.isFinite(value)).toBe(true);
        }
      }),
    );
  });
});
