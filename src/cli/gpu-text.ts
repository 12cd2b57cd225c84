import type { GpuSample } from '../telemetry/power/gpu-sample.ts';
import type { Power } from '../telemetry/power/open-power.ts';
import { formatBytes, formatShare, formatWatts } from '../units.ts';

/** What the GPU in use is doing, on one line; undefined where none is watched. */
export function describeGpu({ gpus, gpu }: Pick<Power, 'gpus' | 'gpu'>): string | undefined {
  if (gpus === null) return undefined;
  const sample = gpus.trouble === null && gpu !== undefined ? gpus.find(gpu) : undefined;
  return sample === undefined ? (gpus.trouble ?? undefined) : gpuLine(sample);
}

/** Such as `GPU 0, 87% busy, 212 W, 9.31 of 22.4 GiB, 1531 MHz, 61 C`; what is not told is left out. */
export function gpuLine(sample: GpuSample): string {
  const { utilization, powerWatts, memoryUsedBytes, memoryTotalBytes } = sample;
  const { smClockMhz, temperatureC } = sample;
  return [
    `GPU ${sample.index}`,
    ...(utilization === undefined ? [] : [`${formatShare(utilization)} busy`]),
    ...(powerWatts === undefined ? [] : [formatWatts(powerWatts)]),
    ...(memoryUsedBytes === undefined || memoryTotalBytes === undefined
      ? []
      : [`${formatBytes(memoryUsedBytes)} of ${formatBytes(memoryTotalBytes)}`]),
    ...(smClockMhz === undefined ? [] : [`${smClockMhz} MHz`]),
    ...(temperatureC === undefined ? [] : [`${temperatureC} C`]),
  ].join(', ');
}
