/** What one GPU said of itself at a moment; a field is absent where the GPU does not tell. */
export interface GpuSample {
  /** As nvidia-smi counts, by PCI address. */
  readonly index: number;
  readonly uuid: string;
  readonly name: string;
  readonly driverVersion: string;
  /** When it was received, on the monitor's clock. */
  readonly timeMs: number;
  /** True while it is cut up into instances (MIG), whose power cannot be told apart. */
  readonly isPartitioned: boolean;
  /** Share of the time in which a kernel ran, 0..1. */
  readonly utilization?: number;
  readonly memoryUsedBytes?: number;
  readonly memoryTotalBytes?: number;
  readonly smClockMhz?: number;
  readonly memoryClockMhz?: number;
  readonly temperatureC?: number;
  /** Of the whole board, in watts. */
  readonly powerWatts?: number;
}

/**
 * The power that belongs to the moment comes first: on most GPUs since Ampere the other one is a mean
 * over the last second (NVML, `nvmlDeviceGetPowerUsage`). Drivers before 530 or so do not know it.
 */
export const powerFields = ['power.draw.instant', 'power.draw'] as const;
export type PowerField = (typeof powerFields)[number];

/** The name comes last, since nothing says that it holds no comma. */
export function queryFields(power: PowerField): string {
  return [
    ...['index', 'uuid', 'driver_version', 'mig.mode.current', 'utilization.gpu'],
    ...['memory.used', 'memory.total', 'clocks.sm', 'clocks.mem', 'temperature.gpu'],
    ...[power, 'name'],
  ].join(',');
}

const fieldsBeforeName = 11;

/**
 * Reads one line of `nvidia-smi --query-gpu=... --format=csv,noheader,nounits`, with the fields of
 * `queryFields`. Whatever is no number (`[N/A]`, `[Not Supported]`, `[Unknown Error]`, ...) is absent.
 *
 * @returns undefined for a line that is no sample, such as an error message
 */
export function parseGpuLine(line: string, timeMs: number): GpuSample | undefined {
  const fields = line.split(',').map((field) => field.trim());
  const [index = '', uuid = '', driverVersion = '', mig = '', ...rest] = fields;
  const [utilization, used, total, smClock, memoryClock, temperature, power] = rest.map(numberIn);
  const name = fields.slice(fieldsBeforeName).join(', ');
  if (!/^\d+$/.test(index) || fields.length <= fieldsBeforeName || uuid === '') return undefined;
  const bytesPerMiB = 2 ** 20;
  return {
    index: Number(index),
    uuid,
    name,
    driverVersion,
    timeMs,
    isPartitioned: mig === 'Enabled',
    ...(utilization !== undefined && { utilization: Math.min(1, utilization / 100) }),
    ...(used !== undefined && { memoryUsedBytes: used * bytesPerMiB }),
    ...(total !== undefined && { memoryTotalBytes: total * bytesPerMiB }),
    ...(smClock !== undefined && { smClockMhz: smClock }),
    ...(memoryClock !== undefined && { memoryClockMhz: memoryClock }),
    ...(temperature !== undefined && { temperatureC: temperature }),
    // A board that works draws something: 0 is a sensor that does not.
    ...(power !== undefined && power > 0 && { powerWatts: power }),
  };
}

function numberIn(field: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(field) ? Number(field) : undefined;
}
