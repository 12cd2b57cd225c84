/** Lengths of a window in seconds that read well on an axis. */
const lengthsS = [0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
const mostWindows = 100;

/** The shortest length that cuts a load into at most a hundred windows, in ms. */
export function windowLengthMs(totalMs: number): number {
  const fitting = lengthsS.find((lengthS) => totalMs <= mostWindows * lengthS * 1000);
  return (fitting ?? Math.ceil(totalMs / mostWindows / 3.6e6) * 3600) * 1000;
}
