import type { Registry } from 'prom-client';
import { Gauge } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { GpuSample } from '../telemetry/power/gpu-sample.ts';
import type { Power } from '../telemetry/power/open-power.ts';

/** How far back the power of the meter looks, in ms. */
const recentMs = 10_000;

/** By name, without `dnnscaler_gpu_`: in Prometheus' units. */
const gpuFigures: Readonly<
  Record<string, { help: string; read: (sample: GpuSample) => number | undefined }>
> = {
  power_watts: { help: 'Power of the whole board', read: ({ powerWatts }) => powerWatts },
  utilization_ratio: {
    help: 'Share of the time in which a kernel ran',
    read: ({ utilization }) => utilization,
  },
  memory_used_bytes: {
    help: 'Memory in use, by any process',
    read: ({ memoryUsedBytes }) => memoryUsedBytes,
  },
  memory_total_bytes: { help: 'Memory', read: ({ memoryTotalBytes }) => memoryTotalBytes },
  sm_clock_hertz: {
    help: 'Clock of the multiprocessors',
    read: ({ smClockMhz }) => smClockMhz && smClockMhz * 1e6,
  },
  memory_clock_hertz: {
    help: 'Clock of the memory',
    read: ({ memoryClockMhz }) => memoryClockMhz && memoryClockMhz * 1e6,
  },
  temperature_celsius: { help: 'Temperature', read: ({ temperatureC }) => temperatureC },
};

/**
 * Adds gauges of power and of the GPUs, read at each scrape from samples that are there already.
 * What a GPU does not tell is absent, and so is everything while nvidia-smi is silent.
 *
 * @param answered rows per second by all models, over so many ms back
 */
export function addPowerMetrics(
  registry: Registry,
  power: Power,
  clock: Clock,
  answered: { readonly rowsPerS: () => number; readonly overMs: number },
): void {
  const { meter, gpus } = power;
  const meterWatts = new Gauge({
    name: 'dnnscaler_power_watts',
    help: `Mean power of what the models run on, over ${recentMs / 1000} s; absent without a meter`,
    labelNames: ['meter'],
    registers: [registry],
    collect() {
      meterWatts.reset();
      const nowMs = clock.nowMs();
      const watts = meter.meanWatts(nowMs - recentMs, nowMs);
      if (watts !== undefined) meterWatts.labels(meter.name).set(watts);
    },
  });
  const perJoule = new Gauge({
    name: 'dnnscaler_rows_per_joule',
    help: `Rows answered by all models, over that energy, over ${answered.overMs / 1000} s; absent without a meter`,
    labelNames: ['meter'],
    registers: [registry],
    collect() {
      perJoule.reset();
      const nowMs = clock.nowMs();
      const watts = meter.meanWatts(nowMs - answered.overMs, nowMs);
      if (watts === undefined || watts <= 0) return;
      perJoule.labels(meter.name).set(answered.rowsPerS() / watts);
    },
  });
  if (gpus === null) return;
  for (const [name, { help, read }] of Object.entries(gpuFigures)) {
    const gauge = new Gauge({
      name: `dnnscaler_gpu_${name}`,
      help: `${help}, as nvidia-smi tells`,
      labelNames: ['gpu'],
      registers: [registry],
      collect() {
        gauge.reset();
        for (const sample of gpus.gpus) {
          const value = read(sample);
          if (value !== undefined) gauge.labels(String(sample.index)).set(value);
        }
      },
    });
  }
  const info = new Gauge({
    name: 'dnnscaler_gpu_info',
    help: 'The GPUs of this machine; always 1',
    labelNames: ['gpu', 'uuid', 'name', 'driver'],
    registers: [registry],
    collect() {
      info.reset();
      for (const { index, uuid, name, driverVersion } of gpus.gpus) {
        info.labels(String(index), uuid, name, driverVersion).set(1);
      }
    },
  });
}
