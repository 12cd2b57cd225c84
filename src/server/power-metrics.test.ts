import { Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../clock.ts';
import { openPower } from '../telemetry/power/open-power.ts';
import { arrangeFakeSmi, fakeSmi } from '../../tests/nvidia-smi/fake-smi.ts';
import { addPowerMetrics } from './power-metrics.ts';

const clock = systemClock;

describe('addPowerMetrics', () => {
  it('shows the GPUs in the units of Prometheus, and leaves out what they do not tell', async () => {
    const fake = arrangeFakeSmi('');
    const power = await openPower({
      clock,
      kind: 'gpu',
      onGpu: true,
      smiCommand: fakeSmi,
      environment: {},
    });
    try {
      expect(await power.ready).toBeNull();
      while (power.gpus?.gpus.length !== 2) await new Promise((resolve) => setImmediate(resolve));
      const registry = new Registry();
      addPowerMetrics(registry, power, clock, { rowsPerS: () => 8205, overMs: 60_000 });
      const text = await registry.metrics();
      for (const line of [
        'dnnscaler_power_watts{meter="nvidia-smi, board of GPU 0 (NVIDIA H100 80GB HBM3)"} 410.25',
        'dnnscaler_rows_per_joule{meter="nvidia-smi, board of GPU 0 (NVIDIA H100 80GB HBM3)"} 20',
        'dnnscaler_gpu_power_watts{gpu="0"} 410.25',
        'dnnscaler_gpu_utilization_ratio{gpu="0"} 0.87',
        'dnnscaler_gpu_memory_used_bytes{gpu="1"} 10485760',
        'dnnscaler_gpu_sm_clock_hertz{gpu="0"} 1755000000',
        'dnnscaler_gpu_info{gpu="1",uuid="GPU-bbbbbbbb-2222",name="Tesla P40, rev. A",driver="550.54.15"} 1',
      ]) {
        expect(text).toContain(`${line}\n`);
      }
      expect(text).not.toContain('dnnscaler_gpu_power_watts{gpu="1"}');
    } finally {
      await power.close();
      fake.restore();
    }
  });

  it('has nothing to show without a meter', async () => {
    const registry = new Registry();
    const off = await openPower({ clock, kind: 'off', onGpu: true });
    addPowerMetrics(registry, off, clock, { rowsPerS: () => 1, overMs: 60_000 });
    expect(await registry.metrics()).not.toMatch(/^dnnscaler/m);
  });
});
