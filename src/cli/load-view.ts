import type { Clock, TimerHandle } from '../clock.ts';
import type { LoadWindow } from '../experiments/load/load-result.ts';
import type { Slo } from '../slo.ts';
import { formatMs, formatPerS, formatShare } from '../units.ts';
import { cutTo } from './live-frame.ts';
import type { Paint } from './style.ts';
import { paintFor } from './style.ts';

/** What a view reads of a load while it runs. */
export interface RunningLoad {
  readonly windows: readonly LoadWindow[];
  readonly elapsedMs: number;
}

export interface LoadViewOptions {
  /** What is loaded, and how. */
  readonly title: string;
  /** Warm-up included, in ms. */
  readonly totalMs: number;
  readonly slo: Slo;
  readonly clock: Clock;
  readonly stream: NodeJS.WriteStream;
  readonly quiet: boolean;
}

/** Shows a load while it goes on. */
export interface LoadView {
  begin(load: RunningLoad): void;
  readonly onWindow: (window: LoadWindow) => void;
  end(): void;
}

/** One line that is drawn over in a terminal, a line for each window elsewhere, nothing when quiet. */
export function loadView(options: LoadViewOptions): LoadView {
  const { stream, quiet, title, totalMs } = options;
  if (quiet) return { begin: () => undefined, onWindow: () => undefined, end: () => undefined };
  if (stream.isTTY) return liveLine(options);
  return {
    begin: () => {
      stream.write(`${title}, for ${formatMs(totalMs)}\n`);
    },
    onWindow: (window) => {
      stream.write(`${windowText(window)}\n`);
    },
    end: () => undefined,
  };
}

const refreshMs = 250;
const barWidth = 24;

function liveLine({ title, totalMs, slo, clock, stream }: LoadViewOptions): LoadView {
  let load: RunningLoad | undefined;
  let timer: TimerHandle | undefined;
  const paint = paintFor(stream);
  const draw = (): void => {
    if (load === undefined) return;
    const text = progressText(load, totalMs, slo, paint);
    stream.write(`\r\u001b[2K${cutTo(text, Math.max(20, stream.columns - 1))}`);
  };
  const tick = (): void => {
    draw();
    timer = clock.setTimer(refreshMs, tick);
  };
  return {
    begin: (running) => {
      load = running;
      stream.write(`${title}\n`);
      tick();
    },
    onWindow: draw,
    end: () => {
      clock.clearTimer(timer);
      stream.write('\r\u001b[2K');
    },
  };
}

/** The live line: how far the load is, and its latest window. Pure. */
export function progressText(
  { windows, elapsedMs }: RunningLoad,
  totalMs: number,
  slo: Slo,
  paint: Paint,
): string {
  const filled = Math.round(Math.min(1, elapsedMs / totalMs) * barWidth);
  const bar = `[${'#'.repeat(filled).padEnd(barWidth, '.')}]`;
  const time = `${(Math.min(elapsedMs, totalMs) / 1000).toFixed(0)} of ${formatMs(totalMs)}`;
  const stage = elapsedMs > totalMs ? 'waiting for answers' : time;
  const last = windows.at(-1);
  if (last === undefined) return `${bar} ${stage}`;
  const isWithin = last.withinSlo >= slo.percentile * endedIn(last);
  return `${bar} ${stage}  ${paint(isWithin ? 'green' : 'red', figures(last))}`;
}

/** A window on one line, for logs. */
export function windowText(window: LoadWindow): string {
  const time = `${(window.timeMs / 1000).toFixed(1).padStart(7)} s`;
  return `${time}  ${figures(window)}${window.isWarmUp ? '  (warm-up)' : ''}`;
}

function figures(window: LoadWindow): string {
  return [
    formatPerS((window.answered / window.durationMs) * 1000).padStart(8),
    `p50 ${formatMs(window.p50Ms)}`.padEnd(11),
    `p95 ${formatMs(window.p95Ms)}`.padEnd(11),
    `within SLO ${formatShare(window.withinSlo / endedIn(window))}`.padEnd(16),
    `shed ${window.shed}`,
    `errors ${window.errors}`,
    `under way ${window.outstanding}`,
  ].join('  ');
}

function endedIn({ answered, shed, errors }: LoadWindow): number {
  return answered + shed + errors;
}
