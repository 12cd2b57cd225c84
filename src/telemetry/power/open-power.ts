import type { Clock } from '../../clock.ts';
import { GpuMonitor } from './gpu-monitor.ts';
import { absentMeter } from './power-meter.ts';
import type { PowerMeter } from './power-meter.ts';
import { openRaplMeter } from './rapl.ts';
import { gpuOfCudaDevice } from './visible-devices.ts';
import type { GpuId } from './visible-devices.ts';

/** `auto` is `gpu` for an engine on a GPU and `cpu` for one on the CPU. */
export const meterKinds = ['auto', 'gpu', 'cpu', 'off'] as const;
export type MeterKind = (typeof meterKinds)[number];

export interface PowerOptions {
  readonly clock: Clock;
  readonly kind: MeterKind;
  readonly onGpu: boolean;
  /** Device number as the engine counts; default 0. */
  readonly device?: number;
  readonly environment?: NodeJS.ProcessEnv;
  /** The executable that stands for nvidia-smi. */
  readonly smiCommand?: string;
  readonly raplFolder?: string;
}

/** A meter in use, which may turn out to have nothing to say. */
export interface Power {
  readonly meter: PowerMeter;
  /** Present where GPUs are watched. */
  readonly gpus: GpuMonitor | null;
  /** The one that is metered. */
  readonly gpu?: GpuId | undefined;
  /** Resolves once it is clear whether there are samples: with null, or a sentence why not. */
  readonly ready: Promise<string | null>;
  close(): Promise<void>;
}

/** Starts metering; where there is nothing to meter with, the meter says so. Never throws. */
export async function openPower(options: PowerOptions): Promise<Power> {
  const { clock, kind, onGpu, device = 0, environment = process.env } = options;
  const chosen = kind === 'auto' ? (onGpu ? 'gpu' : 'cpu') : kind;
  if (chosen === 'off') return withoutMeter('it was told to be off');
  if (chosen === 'cpu') {
    const rapl = await openRaplMeter({
      clock,
      ...(options.raplFolder !== undefined && { folder: options.raplFolder }),
    });
    if (typeof rapl === 'string') return withoutMeter(rapl);
    return {
      meter: rapl,
      gpus: null,
      ready: Promise.resolve(null),
      close: () => {
        rapl.close();
        return Promise.resolve();
      },
    };
  }
  const gpus = new GpuMonitor({
    clock,
    ...(options.smiCommand !== undefined && { command: options.smiCommand }),
  });
  const gpu = gpuOfCudaDevice(device, environment);
  const meter =
    gpu === undefined
      ? absentMeter(`CUDA_VISIBLE_DEVICES shows no whole GPU as device ${device}`)
      : gpus.meterOf(gpu);
  return {
    meter,
    gpus,
    gpu,
    ready: gpus.ready.then((why) => why ?? meter.trouble),
    close: () => gpus.close(),
  };
}

function withoutMeter(why: string): Power {
  return {
    meter: absentMeter(why),
    gpus: null,
    ready: Promise.resolve(why),
    close: () => Promise.resolve(),
  };
}
