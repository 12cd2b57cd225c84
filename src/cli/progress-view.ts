import type { Clock, TimerHandle } from '../clock.ts';
import { formatPoint } from '../operating-point.ts';
import type { Scaler } from '../scaling/scaler.ts';
import type { DeploymentListener } from '../serving/deployment.ts';
import type { RunWindow } from '../serving/run-result.ts';
import type { Slo } from '../slo.ts';
import { formatMs } from '../units.ts';
import { renderFrame, windowLine } from './live-frame.ts';
import { paintFor } from './style.ts';

/** What a view reads of a trial while it runs. */
export interface RunningTrial {
  readonly windows: readonly RunWindow[];
  readonly elapsedMs: number;
  readonly deployment: { readonly slo: Slo; readonly scaler: Scaler };
}

/** Shows a run while it goes on; everything goes to the given stream, standard error as a rule. */
export interface ProgressView {
  readonly listener: DeploymentListener;
  begin(trial: RunningTrial): void;
  end(): void;
}

export interface ProgressViewOptions {
  readonly model: string;
  readonly durationMs: number;
  readonly clock: Clock;
  readonly stream: NodeJS.WriteStream;
  readonly quiet?: boolean;
  /** What the hardware is doing, on one line. */
  readonly hardware?: () => string | undefined;
}

/** A live view in a terminal, plain lines elsewhere, nothing when quiet. */
export function progressView(options: ProgressViewOptions): ProgressView {
  if (options.quiet === true) return { listener: {}, begin: () => undefined, end: () => undefined };
  return options.stream.isTTY ? new LiveView(options) : new PlainView(options);
}

class PlainView implements ProgressView {
  readonly listener: DeploymentListener;
  #trial: RunningTrial | undefined;

  constructor({ stream, model, durationMs }: ProgressViewOptions) {
    let isFirst = true;
    this.listener = {
      onWindow: ({ slo }) => {
        const window = this.#trial?.windows.at(-1);
        if (window !== undefined) stream.write(`${windowLine(window, slo.percentile)}\n`);
      },
      onPoint: (point, tookMs) => {
        if (isFirst) {
          stream.write(
            `${model}: running for ${formatMs(durationMs)} from ${formatPoint(point)}\n`,
          );
        } else {
          stream.write(
            `${' '.repeat(10)}now ${formatPoint(point)}, reached in ${formatMs(tookMs)}\n`,
          );
        }
        isFirst = false;
      },
      onHealth: (health) => {
        if (health.message !== undefined && this.#trial !== undefined) {
          stream.write(`${health.message}\n`);
        }
      },
    };
  }

  begin(trial: RunningTrial): void {
    this.#trial = trial;
  }

  end(): void {
    this.#trial = undefined;
  }
}

const refreshMs = 250;

class LiveView implements ProgressView {
  readonly listener: DeploymentListener;
  readonly #options: ProgressViewOptions;
  #trial: RunningTrial | undefined;
  #status: string | undefined = 'loading the model';
  #drawnLines = 0;
  #timer: TimerHandle | undefined;

  constructor(options: ProgressViewOptions) {
    this.#options = options;
    this.listener = {
      onWindow: ({ decision, point }) => {
        const moves =
          decision.point.batchSize !== point.batchSize ||
          decision.point.instances !== point.instances;
        this.#status = moves ? `changing to ${formatPoint(decision.point)}` : undefined;
        this.#draw();
      },
      onPoint: () => {
        this.#status = undefined;
      },
      onHealth: (health) => {
        this.#status = health.message;
      },
    };
  }

  begin(trial: RunningTrial): void {
    this.#trial = trial;
    this.#options.stream.write('\u001b[?25l');
    this.#tick();
  }

  end(): void {
    this.#options.clock.clearTimer(this.#timer);
    this.#draw();
    this.#options.stream.write('\u001b[?25h\n');
    this.#trial = undefined;
  }

  #tick(): void {
    this.#draw();
    this.#timer = this.#options.clock.setTimer(refreshMs, () => {
      this.#tick();
    });
  }

  #draw(): void {
    if (this.#trial === undefined) return;
    const { stream, model, durationMs, hardware } = this.#options;
    const lines = renderFrame(
      {
        model,
        elapsedMs: this.#trial.elapsedMs,
        totalMs: durationMs,
        slo: this.#trial.deployment.slo,
        scaler: this.#trial.deployment.scaler,
        windows: this.#trial.windows,
        status: this.#status,
        hardware: hardware?.(),
      },
      Math.max(20, stream.columns - 1),
      paintFor(stream),
    );
    const shown = lines.slice(0, Math.max(4, stream.rows - 2));
    const home = this.#drawnLines > 0 ? `\u001b[${this.#drawnLines}A` : '';
    stream.write(`${home}${shown.map((line) => `\r\u001b[2K${line}\n`).join('')}\u001b[0J`);
    this.#drawnLines = shown.length;
  }
}
