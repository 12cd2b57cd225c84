import { formatBytes, formatMs } from '../units.ts';
import type { DoctorReport, Finding } from './doctor-report.ts';
import type { Paint } from './style.ts';

/** Where the text of a line begins, and how far it goes. */
const indent = 15;
const narrowest = 40;

/** The report as lines of at most so many columns. */
export function doctorText(report: DoctorReport, paint: Paint, columns: number): string {
  const width = Math.max(narrowest, columns - indent);
  const line = (label: string, text: string): string => {
    const [first = '', ...rest] = wrap(text, width);
    const lines = [`  ${label.padEnd(indent - 2)}${first}`];
    return [...lines, ...rest.map((more) => ' '.repeat(indent) + more)].join('\n');
  };
  const finding = (name: string, { works, detail }: Finding): string => {
    const mark = works ? paint('green', 'ok') : paint('yellow', 'no');
    return line(name, `@@ ${detail}`).replace('@@', mark);
  };
  const section = (title: string, ...lines: readonly string[]): string =>
    [paint('bold', title), ...lines].join('\n');

  const { versions, system, machine, gpus, mps } = report;
  const ran = report.providers.map(({ name, runMs, ...rest }) => {
    const detail = runMs === undefined ? rest.detail : `${rest.detail} in ${formatMs(runMs)}`;
    return finding(name, { ...rest, detail });
  });
  return [
    section(
      'Versions',
      line('dnnscaler', versions.dnnscaler),
      line('Node.js', versions.node + (versions.npm === null ? '' : `, npm ${versions.npm}`)),
      line('onnxruntime', `${versions.onnxruntimeNode} (onnxruntime-node)`),
    ),
    section(
      'Machine',
      line(
        'system',
        [system.name, system.kernel, system.arch, system.glibc && `glibc ${system.glibc}`]
          .filter(Boolean)
          .join(', '),
      ),
      line('processor', machine.processor),
      line('cores', ofAll(String(machine.cores), String(machine.allCores))),
      line(
        'memory',
        `${ofAll(formatBytes(machine.memoryBytes), formatBytes(machine.allMemoryBytes))}, ${formatBytes(machine.availableBytes)} available`,
      ),
    ),
    section('GPUs', ...gpuLines(gpus, mps, line)),
    section('Providers', ...ran),
    section(
      'Files',
      finding('images', report.images),
      finding('cache', { ...report.cache, detail: `${report.cache.path}: ${report.cache.detail}` }),
    ),
  ].join('\n\n');
}

function gpuLines(
  gpus: DoctorReport['gpus'],
  mps: boolean,
  line: (label: string, text: string) => string,
): readonly string[] {
  if (gpus === null) return [line('NVIDIA', 'none: nvidia-smi is not here, or fails')];
  if (gpus.length === 0) return [line('NVIDIA', 'a driver, and no GPU')];
  return [
    ...gpus.map(({ index, name, driver, memoryBytes, freeBytes }) => {
      const memory =
        memoryBytes === undefined
          ? 'memory unknown'
          : `${formatBytes(memoryBytes)}${freeBytes === undefined ? '' : `, ${formatBytes(freeBytes)} free`}`;
      return line(`device ${index}`, `${name}, ${memory}, driver ${driver}`);
    }),
    line(
      'MPS',
      mps
        ? 'runs: co-located instances share the GPU'
        : 'does not run; it is started with co-located instances, which otherwise take turns on the GPU',
    ),
  ];
}

function ofAll(allowed: string, all: string): string {
  return allowed === all ? allowed : `${allowed} (of ${all}: limited by a cgroup or affinity)`;
}

function wrap(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
