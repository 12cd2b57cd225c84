import type { KnobMemory } from './knob-memory.ts';

export interface PeakSearchOptions {
  readonly min: number;
  readonly max: number;
  readonly limitMs: number;
  /** A gap between neighbours is looked into if one is at least this many times the other. */
  readonly gapRatio: number;
  /** Where to go from the best value when none above it was read. */
  above(best: number): number;
}

/** Where nothing was read above the best, so much further is worth a look. */
const openRatio = 1.05;
/** What is left to win by going back to the best value: more than noise. */
const clearShare = 0.02;

/**
 * Where one knob has its peak. Throughput grows with a knob and then stays, so its scalers only look
 * upwards; rows per joule may fall again, as power goes on growing. So the best value read within
 * the SLO is enclosed between its neighbours, and the wider gap is halved until both are narrow.
 *
 * @param current value in use, which has been read
 * @returns the value to go to; `current` when nothing better is to be found
 */
export function towardsPeak(
  memory: KnobMemory,
  current: number,
  options: PeakSearchOptions,
): number {
  const { min, max, limitMs, gapRatio } = options;
  const best = memory.best(limitMs);
  if (best === undefined) return current;
  const { below, above } = memory.neighboursOf(best);
  const up = above ?? Math.min(max, options.above(best));
  // One below the smallest stands for what is known to be no good there: nothing.
  const down = below ?? min - 1;
  const [widest] = [
    above === undefined
      ? { gap: up / best, least: openRatio, value: up }
      : { gap: above / best, least: gapRatio, value: middleOf(best, above) },
    { gap: best / Math.max(down, 0.5), least: gapRatio, value: middleOf(down, best) },
  ]
    .filter(({ gap, least, value }) => gap >= least && value >= min && !memory.has(value))
    .sort((a, b) => b.gap - a.gap);
  if (widest !== undefined) return widest.value;
  return memory.worthAt(best) > memory.worthAt(current) * (1 + clearShare) ? best : current;
}

function middleOf(low: number, high: number): number {
  const middle = Math.round(Math.sqrt(Math.max(low, 0.5) * high));
  return Math.min(Math.max(middle, low + 1), Math.max(high - 1, low + 1));
}
