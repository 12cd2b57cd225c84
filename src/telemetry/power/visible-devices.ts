/** An index as nvidia-smi counts, or a UUID or its beginning. */
export type GpuId = number | string;

/**
 * The GPUs that `CUDA_VISIBLE_DEVICES` lets through, in its order, up to the first that is none, as
 * CUDA takes it (CUDA C++ Programming Guide, environment variables); undefined when it is not set.
 */
export function visibleDevices(variable: string | undefined): readonly string[] | undefined {
  if (variable === undefined) return undefined;
  const devices = variable.split(',').map((device) => device.trim());
  const end = devices.findIndex((device) => device === '' || device.startsWith('-'));
  return end === -1 ? devices : devices.slice(0, end);
}

/**
 * The GPU behind a device number of CUDA, which counts only the devices that `CUDA_VISIBLE_DEVICES`
 * lets it see, in that order; undefined for one that it does not let it see, and for MIG instances.
 */
export function gpuOfCudaDevice(device: number, environment: NodeJS.ProcessEnv): GpuId | undefined {
  const visible = visibleDevices(environment.CUDA_VISIBLE_DEVICES);
  if (visible === undefined) return device;
  const id = visible[device];
  if (id === undefined) return undefined;
  if (/^\d+$/.test(id)) return Number(id);
  return id.startsWith('GPU-') ? id : undefined;
}
