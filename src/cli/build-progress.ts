import { formatShare } from '../units.ts';

const barWidth = 30;

export interface BuildProgress {
  /** @param share of the work that is done, 0..1 */
  readonly update: (share: number) => void;
  readonly end: () => void;
}

/** A progress bar for building one model, drawn only in a terminal and only once there is progress. */
export function buildProgress(name: string, stream: NodeJS.WriteStream | null): BuildProgress {
  let drawn = false;
  let shownPercent = -1;
  return {
    update: (share) => {
      if (stream?.isTTY !== true) return;
      const percent = Math.floor(share * 100);
      if (percent === shownPercent) return;
      shownPercent = percent;
      drawn = true;
      const filled = Math.round(share * barWidth);
      const bar = '#'.repeat(filled).padEnd(barWidth, '.');
      stream.write(`\r\u001b[2Kbuilding ${name} [${bar}] ${formatShare(percent / 100)}`);
    },
    end: () => {
      if (drawn) stream?.write('\r\u001b[2K');
    },
  };
}
