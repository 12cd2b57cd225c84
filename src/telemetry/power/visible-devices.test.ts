import { describe, expect, it } from 'vitest';
import { gpuOfCudaDevice } from './visible-devices.ts';

describe('gpuOfCudaDevice', () => {
  it.each([
    [0, undefined, 0],
    [3, undefined, 3],
    [0, '3,1', 3],
    [1, '3, 1', 1],
    [2, '3,1', undefined],
    [0, '', undefined],
    [0, '-1', undefined],
    [0, 'GPU-9af3', 'GPU-9af3'],
    [0, 'MIG-9af3', undefined],
    [1, '2,-1,3', undefined],
    [2, '2,-1,3', undefined],
  ])('takes device %d under %s for %s', (device, visible, gpu) => {
    const environment = visible === undefined ? {} : { CUDA_VISIBLE_DEVICES: visible };
    expect(gpuOfCudaDevice(device, environment)).toBe(gpu);
  });
});
