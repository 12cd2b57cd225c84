import { formatPoint } from '../operating-point.ts';
import type { ProfileReport, Scaler } from '../scaling/scaler.ts';
import type { RunWindow } from '../serving/run-result.ts';
import type { Slo } from '../slo.ts';
import { formatSlo, percentileName } from '../slo.ts';
import { formatMs, formatPerJoule, formatPerS, formatShare, formatWatts } from '../units.ts';
import type { Paint } from './style.ts';

/** What the live view shows. */
export interface LiveState {
  readonly model: string;
  readonly elapsedMs: number;
  readonly totalMs: number;
  readonly slo: Slo;
  readonly scaler: Pick<Scaler, 'name' | 'approach' | 'profile'>;
  readonly windows: readonly RunWindow[];
  /** Set while the operating point is being changed or the engine is in trouble. */
  readonly status?: string | undefined;
  /** What the hardware is doing, on one line. */
  readonly hardware?: string | undefined;
}

const sparks = '▁▂▃▄▅▆▇█';
const shownWindows = 8;
const barWidth = 32;

/** The live view as lines, cut to the terminal's width. Pure: the caller draws them. */
export function renderFrame(state: LiveState, width: number, paint: Paint): string[] {
  const { windows, slo, scaler } = state;
  const last = windows.at(-1);
  const changes = windows.filter((window) => window.decision !== 'hold').length;
  const lines = [
    `${paint('bold', `DNNScaler  ${state.model}`)}  ${formatSlo(slo)}  ${progress(state)}`,
    '',
    field('scaler', scalerText(scaler)),
    ...(scaler.profile === null ? [] : [field('profile', profileText(scaler.profile))]),
    field('point', last === undefined ? 'starting' : formatPoint(last.point)),
  ];
  if (last !== undefined) {
    const trend = sparkline(windows.slice(-24).map((window) => window.throughputPerS));
    lines.push(
      field('throughput', `${formatPerS(last.throughputPerS).padEnd(10)} ${trend}`),
      field(percentileName(slo.percentile), latencyBar(last, paint)),
      ...powerField(last),
      field('within SLO', `${formatShare(last.sloAttainment)} of the last window`),
      field('decisions', `${windows.length}, ${changes} of them changes`),
      '',
      ...windows.slice(-shownWindows).map((window) => decisionLine(window, paint)),
    );
  }
  if (state.hardware !== undefined) lines.push(field('hardware', state.hardware));
  if (state.status !== undefined) lines.push('', paint('yellow', state.status));
  return lines.map((line) => cutTo(line, width));
}

/** One window on one line, for logs. */
export function windowLine(window: RunWindow, percentile: number): string {
  const point = `(${window.point.batchSize},${window.point.instances})`;
  return [
    `${(window.timeMs / 1000).toFixed(1).padStart(6)} s`,
    point.padEnd(8),
    formatPerS(window.throughputPerS).padStart(9),
    `${percentileName(percentile)} ${formatMs(window.controlledMs)}`.padEnd(13),
    window.decision.padEnd(5),
    window.reason,
  ].join('  ');
}

function powerField({ powerWatts, throughputPerS }: RunWindow): string[] {
  if (powerWatts === null) return [];
  return [
    field('power', `${formatWatts(powerWatts)}, ${formatPerJoule(throughputPerS / powerWatts)}`),
  ];
}

function field(name: string, text: string): string {
  return `  ${name.padEnd(12)}${text}`;
}

function progress({ elapsedMs, totalMs }: LiveState): string {
  const seconds = (ms: number): string => `${Math.max(0, Math.round(ms / 1000))}`;
  return `${seconds(Math.min(elapsedMs, totalMs))} of ${seconds(totalMs)} s`;
}

function scalerText({ name, approach, profile }: LiveState['scaler']): string {
  if (name === 'dnnscaler' && profile === null) return `${name}: profiling`;
  return approach === null || approach === name ? name : `${name}: ${approach}`;
}

function profileText(profile: ProfileReport): string {
  const signed = (percent: number): string => `${percent < 0 ? '' : '+'}${percent.toFixed(0)}%`;
  return `TI_B ${signed(profile.tiBatchingPercent)}  TI_MT ${signed(profile.tiMultiTenancyPercent)}`;
}

function latencyBar(window: RunWindow, paint: Paint): string {
  const share = window.controlledMs / window.sloLimitMs;
  const filled = Math.min(barWidth, Math.round(share * (barWidth * 0.8)));
  const limitAt = Math.round(barWidth * 0.8);
  let bar = '';
  for (let i = 0; i < barWidth; i += 1) bar += i === limitAt ? '|' : i < filled ? '#' : '.';
  const color = share > 1 ? 'red' : 'green';
  return `${paint(color, formatMs(window.controlledMs).padEnd(10))} [${bar}] ${formatShare(share)} of the SLO`;
}

function decisionLine(window: RunWindow, paint: Paint): string {
  const style = window.decision === 'hold' ? 'dim' : 'cyan';
  const time = `${(window.timeMs / 1000).toFixed(1)} s`.padStart(8);
  return paint(style, `${time}  ${window.decision.padEnd(5)}  ${window.reason}`);
}

/** A trend in one line of block characters, scaled from 0 to the largest value. */
export function sparkline(values: readonly number[]): string {
  const top = Math.max(...values);
  if (!(top > 0)) return '';
  return values
    .map((value) => sparks[Math.min(7, Math.max(0, Math.round((value / top) * 7)))] ?? ' ')
    .join('');
}

// eslint-disable-next-line no-control-regex -- colour codes take no room on the screen
const colourCode = /\u001b\[\d+m/y;

/** Cuts to `width` visible characters, keeping colour codes whole. */
export function cutTo(line: string, width: number): string {
  let visible = 0;
  let cut = '';
  for (let i = 0; i < line.length;) {
    colourCode.lastIndex = i;
    const code = colourCode.exec(line)?.[0];
    if (code !== undefined) {
      cut += code;
      i += code.length;
      continue;
    }
    if (visible < width) cut += line.charAt(i);
    visible += 1;
    i += 1;
  }
  return cut;
}
