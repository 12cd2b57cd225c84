import type { GpuSample } from './gpu-sample.ts';
import { parseGpuLine } from './gpu-sample.ts';
import { PowerHistory } from './power-meter.ts';
import type { PowerMeter } from './power-meter.ts';
import { SmiStream } from './smi-stream.ts';
import type { SmiStreamOptions } from './smi-stream.ts';
import type { GpuId } from './visible-devices.ts';

/** A sample older than this says nothing about now. */
const freshMs = 5000;

/** What the GPUs of this machine are doing, as nvidia-smi tells, beside everything else. */
export class GpuMonitor {
  /**
   * Resolves with null once a first sample has come, or with a sentence when it is clear that there
   * will be none for now. Never rejects.
   */
  readonly ready: Promise<string | null>;
  readonly #clock: SmiStreamOptions['clock'];
  readonly #stream: SmiStream;
  readonly #latest = new Map<number, GpuSample>();
  readonly #histories = new Map<number, PowerHistory>();
  #trouble: string | null = 'nvidia-smi has not answered yet';
  #isReady!: (why: string | null) => void;

  constructor(options: SmiStreamOptions) {
    this.#clock = options.clock;
    this.ready = new Promise((resolve) => (this.#isReady = resolve));
    this.#stream = new SmiStream(options, {
      onLine: (line) => this.#take(line),
      onTrouble: (why) => {
        this.#trouble = why;
        this.#isReady(why);
      },
    });
  }

  /** Why there are no samples now, in a sentence; null while all is well. */
  get trouble(): string | null {
    return this.#trouble;
  }

  /** The GPUs heard of within the last seconds, by index. */
  get gpus(): readonly GpuSample[] {
    const nowMs = this.#clock.nowMs();
    return [...this.#latest.values()]
      .filter(({ timeMs }) => nowMs - timeMs <= freshMs)
      .sort((a, b) => a.index - b.index);
  }

  /** The last sample of one GPU, however old. */
  find(gpu: GpuId): GpuSample | undefined {
    const samples = [...this.#latest.values()];
    return typeof gpu === 'number'
      ? samples.find(({ index }) => index === gpu)
      : samples.find(({ uuid }) => uuid.startsWith(gpu));
  }

  /** Meters the board of one GPU. */
  meterOf(gpu: GpuId): PowerMeter {
    const find = (): GpuSample | undefined => this.find(gpu);
    const trouble = (): string | null => {
      if (this.#trouble !== null) return this.#trouble;
      const sample = find();
      if (sample === undefined) return `nvidia-smi lists no GPU ${gpu}`;
      const { index, name, powerWatts } = sample;
      if (powerWatts === undefined) return `GPU ${index} (${name}) does not tell its power`;
      return null;
    };
    const historyOf = (): PowerHistory | undefined => this.#histories.get(find()?.index ?? -1);
    return {
      get name() {
        const sample = find();
        const index = sample?.index ?? gpu;
        const shared = sample?.isPartitioned === true ? ', all its MIG instances together' : '';
        return `nvidia-smi, board of GPU ${index}${sample ? ` (${sample.name})` : ''}${shared}`;
      },
      get trouble() {
        return trouble();
      },
      meanWatts: (fromMs, toMs) => historyOf()?.meanWatts(fromMs, toMs),
    };
  }

  /** Ends nvidia-smi. Safe to call twice. */
  close(): Promise<void> {
    return this.#stream.close();
  }

  #take(line: string): boolean {
    if (line.trim() === '') return false;
    const sample = parseGpuLine(line, this.#clock.nowMs());
    if (sample === undefined) {
      this.#trouble = `nvidia-smi says: ${line.trim().slice(0, 160)}`;
      return false;
    }
    const { index, timeMs, powerWatts } = sample;
    this.#latest.set(index, sample);
    this.#trouble = null;
    if (powerWatts !== undefined) {
      let history = this.#histories.get(index);
      if (history === undefined) this.#histories.set(index, (history = new PowerHistory()));
      history.add(timeMs, timeMs, powerWatts);
    }
    this.#isReady(null);
    return true;
  }
}
