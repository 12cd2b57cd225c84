import { describe, expect, it } from 'vitest';
import type { DoctorReport } from './doctor-report.ts';
import { doctorText } from './doctor-text.ts';
import { plainPaint } from './style.ts';

const gpu = {
  ...{ index: 0, name: 'NVIDIA A', uuid: 'GPU-1', driver: '580.1' },
  ...{ memoryBytes: 80 * 2 ** 30, freeBytes: 79 * 2 ** 30 },
};
const report: DoctorReport = {
  versions: {
    dnnscaler: '1.2.3',
    node: '22.1.0',
    onnxruntimeNode: '1.30.0',
    npm: null,
  },
  system: { name: 'Debian', kernel: 'linux 6.1', arch: 'x64', glibc: '2.36' },
  machine: {
    ...{ processor: 'Xeon', cores: 2, allCores: 64 },
    ...{ memoryBytes: 2 ** 30, allMemoryBytes: 2 ** 34, availableBytes: 2 ** 29 },
  },
  gpus: [gpu],
  mps: false,
  providers: [
    { name: 'cpu', works: true, detail: 'ran a small model', runMs: 2.5 },
    { name: 'cuda', works: false, detail: `lacks ${'something long '.repeat(12)}here` },
  ],
  images: { works: true, detail: 'decoded a JPEG' },
  cache: { path: '/cache', works: false, detail: 'EROFS' },
};
const text = (changes: Partial<DoctorReport> = {}): string =>
  doctorText({ ...report, ...changes }, plainPaint, 80);

describe('doctorText', () => {
  it('says what works and what does not', () => {
    expect(text()).toContain('\n  cpu          ok ran a small model in 2.50 ms\n');
    expect(text()).toContain('\n  cuda         no lacks something long');
    expect(text()).toContain('\n  cache        no /cache: EROFS');
    expect(text()).toContain('\n  Node.js      22.1.0\n');
  });

  it('keeps within the columns, under the text of its line', () => {
    const lines = text().split('\n');
    for (const line of lines) expect(line.length).toBeLessThanOrEqual(80);
    expect(lines.filter((line) => line.startsWith(`${' '.repeat(15)}something long`))).not.toEqual(
      [],
    );
  });

  it('tells limits of this process from what the machine has', () => {
    expect(text()).toContain('cores        2 (of 64: limited by a cgroup or affinity)');
    expect(text()).toContain('1.00 GiB (of 16.0 GiB: limited by a cgroup or affinity)');
    const whole = { ...report.machine, cores: 64 };
    expect(text({ machine: whole })).toContain('\n  cores        64\n');
  });

  it('tells GPUs, and whether they are shared', () => {
    expect(text()).toContain('device 0     NVIDIA A, 80.0 GiB, 79.0 GiB free, driver 580.1');
    expect(text()).toContain('MPS          does not run');
    expect(text({ mps: true })).toContain('MPS          runs');
    expect(text({ gpus: null })).toContain('NVIDIA       none: nvidia-smi is not here, or fails');
    expect(text({ gpus: [] })).toContain('NVIDIA       a driver, and no GPU');
  });
});
