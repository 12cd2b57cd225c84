import { describe, expect, it } from 'vitest';
import {
  availableMemoryBytes,
  parseCfsQuota,
  parseCpuMax,
  parseMemoryLimit,
  readMachine,
} from './machine.ts';

const GiB = 2 ** 30;
const host = { cores: 16, memoryBytes: 64 * GiB, freeBytes: 30 * GiB };
const files =
  (contents: Record<string, string>) =>
  (path: string): string | undefined =>
    contents[path];

const version2Mount = '29 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate';

describe('limits in files', () => {
  it('reads version 2 CPU quotas', () => {
    expect(parseCpuMax('200000 100000\n')).toBe(2);
    expect(parseCpuMax('50000 100000')).toBe(0.5);
    expect(parseCpuMax('max 100000\n')).toBe(Infinity);
    expect(parseCpuMax(undefined)).toBe(Infinity);
    expect(parseCpuMax('')).toBe(Infinity);
  });

  it('reads version 1 CPU quotas', () => {
    expect(parseCfsQuota('400000\n', '100000\n')).toBe(4);
    expect(parseCfsQuota('-1\n', '100000\n')).toBe(Infinity);
    expect(parseCfsQuota(undefined, '100000')).toBe(Infinity);
    expect(parseCfsQuota('100000', '0')).toBe(Infinity);
  });

  it('reads memory limits of both versions', () => {
    expect(parseMemoryLimit('1073741824\n')).toBe(GiB);
    expect(parseMemoryLimit('max\n')).toBe(Infinity);
    expect(parseMemoryLimit('9223372036854771712\n')).toBe(Infinity);
    expect(parseMemoryLimit(undefined)).toBe(Infinity);
  });
});

describe('readMachine', () => {
  it('is the host when there are no cgroups', () => {
    expect(readMachine(files({}), host)).toEqual({ cores: 16, memoryBytes: 64 * GiB });
  });

  it('takes the least of a version 2 cgroup and its ancestors, in whole cores', () => {
    const read = files({
      '/proc/self/cgroup': '0::/kubepods/pod7/main\n',
      '/proc/self/mountinfo': version2Mount,
      '/sys/fs/cgroup/kubepods/pod7/main/cpu.max': 'max 100000',
      '/sys/fs/cgroup/kubepods/pod7/cpu.max': '350000 100000',
      '/sys/fs/cgroup/kubepods/cpu.max': '800000 100000',
      '/sys/fs/cgroup/kubepods/pod7/main/memory.max': String(4 * GiB),
      '/sys/fs/cgroup/kubepods/pod7/memory.max': String(8 * GiB),
    });
    expect(readMachine(read, host)).toEqual({ cores: 3, memoryBytes: 4 * GiB });
  });

  it('sees a version 2 container whose cgroup is mounted as the root', () => {
    const read = files({
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': version2Mount,
      '/sys/fs/cgroup/cpu.max': '50000 100000',
      '/sys/fs/cgroup/memory.max': 'max',
    });
    expect(readMachine(read, host)).toEqual({ cores: 1, memoryBytes: 64 * GiB });
  });

  it('sees a version 1 container under the host path of its cgroup', () => {
    const mount = (id: number, name: string, options: string): string =>
      `${id} 31 0:29 /docker/4f2a /sys/fs/cgroup/${name} ro,nosuid master:15 - cgroup cgroup ${options}`;
    const read = files({
      '/proc/self/cgroup':
        '5:memory:/docker/4f2a\n3:cpu,cpuacct:/docker/4f2a\n1:name=systemd:/\n0::/\n',
      '/proc/self/mountinfo': [
        '31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755',
        mount(32, 'cpu,cpuacct', 'rw,cpu,cpuacct'),
        mount(35, 'memory', 'rw,memory'),
      ].join('\n'),
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us': '200000\n',
      '/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us': '100000\n',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': String(2 * GiB),
    });
    expect(readMachine(read, host)).toEqual({ cores: 2, memoryBytes: 2 * GiB });
  });

  it('never goes over the cores that the process may be scheduled on', () => {
    const read = files({
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': version2Mount,
      '/sys/fs/cgroup/cpu.max': '6400000 100000',
    });
    expect(readMachine(read, { ...host, cores: 2 }).cores).toBe(2);
  });

  it('reads this machine', () => {
    const machine = readMachine();
    expect(machine.cores).toBeGreaterThanOrEqual(1);
    expect(Number.isInteger(machine.cores)).toBe(true);
    expect(machine.memoryBytes).toBeGreaterThan(64 * 2 ** 20);
    expect(availableMemoryBytes()).toBeLessThanOrEqual(machine.memoryBytes);
    expect(availableMemoryBytes()).toBeGreaterThan(0);
  });
});

describe('availableMemoryBytes', () => {
  it('counts page cache that can be dropped as free', () => {
    const read = files({
      '/proc/meminfo': 'MemTotal: 67108864 kB\nMemAvailable:   20971520 kB\n',
      '/proc/self/cgroup': '0::/job\n',
      '/proc/self/mountinfo': version2Mount,
      '/sys/fs/cgroup/job/memory.max': String(8 * GiB),
      '/sys/fs/cgroup/job/memory.current': String(7 * GiB),
      '/sys/fs/cgroup/job/memory.stat': `anon 1\ninactive_file ${2 * GiB}\nactive_file 5\n`,
    });
    expect(availableMemoryBytes(read, host)).toBe(3 * GiB);
  });

  it('reads version 1 usage', () => {
    const read = files({
      '/proc/self/cgroup': '5:memory:/\n',
      '/proc/self/mountinfo':
        '35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory',
      '/sys/fs/cgroup/memory/memory.limit_in_bytes': String(4 * GiB),
      '/sys/fs/cgroup/memory/memory.usage_in_bytes': String(3 * GiB),
      '/sys/fs/cgroup/memory/memory.stat': `inactive_file 7\ntotal_inactive_file ${GiB / 2}\n`,
    });
    expect(availableMemoryBytes(read, host)).toBe(1.5 * GiB);
  });

  it('is what the machine has free when no cgroup limits it', () => {
    const read = files({ '/proc/meminfo': 'MemAvailable:   1048576 kB\n' });
    expect(availableMemoryBytes(read, host)).toBe(GiB);
    expect(availableMemoryBytes(files({}), host)).toBe(30 * GiB);
  });

  it('is never negative', () => {
    const read = files({
      '/proc/self/cgroup': '0::/\n',
      '/proc/self/mountinfo': version2Mount,
      '/sys/fs/cgroup/memory.max': '1000',
      '/sys/fs/cgroup/memory.current': '5000',
    });
    expect(availableMemoryBytes(read, host)).toBe(0);
  });
});
