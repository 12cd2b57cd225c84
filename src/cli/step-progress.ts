/** Progress through a known number of steps. */
export interface StepProgress {
  readonly update: (done: number, total: number, what: string) => void;
  /** Clears the bar. */
  end(): void;
}

const barWidth = 24;

/** One line that is drawn over in a terminal, a line every tenth of the way elsewhere. */
export function stepProgress(stream: NodeJS.WriteStream | null): StepProgress {
  if (stream === null) return { update: () => undefined, end: () => undefined };
  return stream.isTTY ? bar(stream) : lines(stream);
}

function bar(stream: NodeJS.WriteStream): StepProgress {
  return {
    update: (done, total, what) => {
      const filled = Math.round((done / total) * barWidth);
      const text = `[${'#'.repeat(filled).padEnd(barWidth, '.')}] ${done}/${total}  ${what}`;
      stream.write(`\r\u001b[2K${text.slice(0, Math.max(20, stream.columns - 1))}`);
    },
    end: () => {
      stream.write('\r\u001b[2K');
    },
  };
}

function lines(stream: NodeJS.WriteStream): StepProgress {
  let shownTenths = -1;
  return {
    update: (done, total, what) => {
      const tenths = Math.floor((10 * done) / total);
      if (tenths === shownTenths) return;
      shownTenths = tenths;
      stream.write(`${String(done).padStart(String(total).length)}/${total}  ${what}\n`);
    },
    end: () => undefined,
  };
}
