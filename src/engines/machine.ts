import { readFileSync } from 'node:fs';
import { availableParallelism, freemem, totalmem } from 'node:os';

/** What this process may use of the machine it runs on. */
export interface Machine {
  /** Whole cores, at least 1. A quota of 2.5 cores counts as 2: a third thread would be throttled. */
  readonly cores: number;
  readonly memoryBytes: number;
}

/** The text of a file, or undefined when there is none to read. */
export type ReadText = (path: string) => string | undefined;

/** What the operating system says, before any cgroup has its word. */
export interface Host {
  /** Cores this process may be scheduled on (affinity and cpusets counted in). */
  readonly cores: number;
  readonly memoryBytes: number;
  readonly freeBytes: number;
}

/**
 * Cores and memory within the limits of the cgroups (version 1 or 2) that this process is in, of
 * their ancestors and of the machine, whichever is least.
 */
export function readMachine(readText: ReadText = readFile, host: Host = thisHost()): Machine {
  const cgroups = readCgroups(readText);
  const quotas = cgroups.folders('cpu').map(({ path, version }) => {
    if (version === 2) return parseCpuMax(readText(`${path}/cpu.max`));
    return parseCfsQuota(
      readText(`${path}/cpu.cfs_quota_us`),
      readText(`${path}/cpu.cfs_period_us`),
    );
  });
  const memoryLimits = cgroups.folders('memory').map((folder) => memoryLimit(folder, readText));
  return {
    cores: Math.max(1, Math.floor(Math.min(host.cores, ...quotas))),
    memoryBytes: Math.min(host.memoryBytes, ...memoryLimits),
  };
}

/**
 * Bytes that can still be taken before the machine, or one of our cgroups, runs out. Page cache
 * that can be dropped at once counts as free.
 */
export function availableMemoryBytes(
  readText: ReadText = readFile,
  host: Host = thisHost(),
): number {
  const meminfo = readText('/proc/meminfo');
  const availableKiB = Number(/^MemAvailable:\s+(\d+) kB/m.exec(meminfo ?? '')?.[1] ?? Number.NaN);
  const onMachine = Number.isNaN(availableKiB) ? host.freeBytes : availableKiB * 1024;
  const left = readCgroups(readText)
    .folders('memory')
    .map((folder) => memoryLimit(folder, readText) - memoryInUse(folder, readText));
  return Math.max(0, Math.min(onMachine, ...left));
}

/** Cores granted by a version 2 `cpu.max` (`200000 100000`: quota and period in us). */
export function parseCpuMax(text: string | undefined): number {
  const [quota, period] = (text ?? '').trim().split(/\s+/);
  return coresOf(quota, period ?? '100000');
}

/** Cores granted by version 1's quota and period in us; a quota of -1 is none. */
export function parseCfsQuota(quota: string | undefined, period: string | undefined): number {
  return coresOf(quota?.trim(), period?.trim());
}

/** Bytes granted by `memory.max` or `memory.limit_in_bytes`; Infinity for `max` or no file. */
export function parseMemoryLimit(text: string | undefined): number {
  const bytes = positive(text?.trim());
  // Version 1 writes "no limit" as the largest multiple of the page size in 63 bits.
  return bytes === undefined || bytes >= 2 ** 62 ? Number.POSITIVE_INFINITY : bytes;
}

function coresOf(quota: string | undefined, period: string | undefined): number {
  const quotaUs = positive(quota);
  const periodUs = positive(period);
  if (quotaUs === undefined || periodUs === undefined) return Number.POSITIVE_INFINITY;
  return quotaUs / periodUs;
}

function positive(text: string | undefined): number | undefined {
  const value = Number(text ?? Number.NaN);
  return text !== '' && value > 0 ? value : undefined;
}

interface CgroupFolder {
  readonly path: string;
  readonly version: 1 | 2;
}

function memoryLimit({ path, version }: CgroupFolder, readText: ReadText): number {
  const file = version === 2 ? 'memory.max' : 'memory.limit_in_bytes';
  return parseMemoryLimit(readText(`${path}/${file}`));
}

function memoryInUse({ path, version }: CgroupFolder, readText: ReadText): number {
  const file = version === 2 ? 'memory.current' : 'memory.usage_in_bytes';
  const usage = positive(readText(`${path}/${file}`)?.trim()) ?? 0;
  const stat = readText(`${path}/memory.stat`) ?? '';
  const line = version === 2 ? /^inactive_file (\d+)/m : /^total_inactive_file (\d+)/m;
  return Math.max(0, usage - Number(line.exec(stat)?.[1] ?? 0));
}

interface Cgroups {
  /** Folders whose limits bind this process for one controller: its own and their ancestors. */
  folders(controller: 'cpu' | 'memory'): readonly CgroupFolder[];
}

function readCgroups(readText: ReadText): Cgroups {
  const memberships = parseMemberships(readText('/proc/self/cgroup') ?? '');
  const mounts = parseCgroupMounts(readText('/proc/self/mountinfo') ?? '');
  return {
    folders: (controller) =>
      mounts.flatMap((mount) => {
        if (mount.version === 1 && !mount.controllers.includes(controller)) return [];
        const member = memberships.get(mount.version === 1 ? controller : '');
        if (member === undefined) return [];
        return ancestors(mount, member).map((path) => ({ path, version: mount.version }));
      }),
  };
}

/** `/proc/self/cgroup`: the path of this process by controller, version 2's under the empty name. */
function parseMemberships(text: string): Map<string, string> {
  const paths = new Map<string, string>();
  for (const line of text.split('\n')) {
    const match = /^\d+:([^:]*):(.*)$/.exec(line);
    if (match === null) continue;
    for (const controller of (match[1] as string).split(',')) {
      paths.set(controller, match[2] as string);
    }
  }
  return paths;
}

interface CgroupMount {
  readonly version: 1 | 2;
  readonly mountPoint: string;
  /** The cgroup that is seen at the mount point: `/`, or a container's own. */
  readonly root: string;
  readonly controllers: readonly string[];
}

/** The cgroup file systems of `/proc/self/mountinfo` (proc(5) gives the fields). */
function parseCgroupMounts(text: string): CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ');
    const [, , , root, mountPoint] = (before ?? '').split(' ');
    const [type, , options] = (after ?? '').split(' ');
    if (root === undefined || mountPoint === undefined) continue;
    if (type !== 'cgroup' && type !== 'cgroup2') continue;
    mounts.push({
      version: type === 'cgroup2' ? 2 : 1,
      mountPoint,
      root,
      controllers: (options ?? '').split(','),
    });
  }
  return mounts;
}

/** From the process's own cgroup up to the mount point, as folders. */
function ancestors({ mountPoint, root }: CgroupMount, member: string): string[] {
  // Inside a container the path may be the host's, while only the container's part is mounted.
  const inside = root !== '/' && member.startsWith(root) ? member.slice(root.length) : member;
  const steps = inside.split('/').filter((step) => step !== '' && step !== '..');
  const folders = [mountPoint];
  for (const step of steps) folders.push(`${folders.at(-1) as string}/${step}`);
  return folders.reverse();
}

function readFile(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function thisHost(): Host {
  return { cores: availableParallelism(), memoryBytes: totalmem(), freeBytes: freemem() };
}
