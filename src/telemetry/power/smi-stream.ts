import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Clock, TimerHandle } from '../../clock.ts';
import { powerFields, queryFields } from './gpu-sample.ts';

export interface SmiStreamOptions {
  readonly clock: Clock;
  /** The executable; default `nvidia-smi`, found in PATH. */
  readonly command?: string;
  /** Between samples, in ms; default 200. */
  readonly intervalMs?: number;
  /** Without a line for so long it is taken for stuck and killed; default 10 s. */
  readonly silenceLimitMs?: number;
  /** Pause before it is started again; doubles with each failure. Default 1 s. */
  readonly firstBackoffMs?: number;
  /** The longest such pause; default 60 s. */
  readonly maxBackoffMs?: number;
}

export interface SmiListener {
  /** Answers whether the line was a sample; others are words to be repeated when it ends. */
  onLine(line: string): boolean;
  /** It ended, or cannot be started: why, in a sentence. */
  onTrouble(why: string): void;
}

const longestMessage = 160;
/** How long it may take to end by itself when told to. */
const endLimitMs = 2000;

/**
 * One nvidia-smi child in streaming mode, started again when it ends or falls silent. Nobody waits
 * for it, and neither it nor its pipes keep this process alive.
 */
export class SmiStream {
  readonly #options: Required<SmiStreamOptions>;
  readonly #listener: SmiListener;
  #child: ChildProcess | undefined;
  #timer: TimerHandle | undefined;
  #silence: TimerHandle | undefined;
  #backoffMs: number;
  /** Index in `powerFields`: older drivers do not know the first. */
  #powerField = 0;
  #isClosed = false;

  constructor(options: SmiStreamOptions, listener: SmiListener) {
    this.#options = {
      command: 'nvidia-smi',
      intervalMs: 200,
      silenceLimitMs: 10_000,
      firstBackoffMs: 1000,
      maxBackoffMs: 60_000,
      ...options,
    };
    this.#backoffMs = this.#options.firstBackoffMs;
    this.#listener = listener;
    this.#start();
  }

  /** Ends the child; resolves when it is gone, or was killed and has not gone after a while. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const { clock } = this.#options;
    clock.clearTimer(this.#timer);
    clock.clearTimer(this.#silence);
    const child = this.#child;
    if (child === undefined) return;
    await new Promise<void>((resolve) => {
      // A process that waits for a dead driver ends when the driver does.
      const timer = clock.setTimer(endLimitMs, () => {
        child.kill('SIGKILL');
        resolve();
      });
      child.once('close', () => {
        clock.clearTimer(timer);
        resolve();
      });
      child.kill('SIGTERM');
    });
  }

  #start(): void {
    const { command, intervalMs, clock } = this.#options;
    const fields = queryFields(powerFields[this.#powerField] ?? 'power.draw');
    const args = [`--query-gpu=${fields}`, '--format=csv,noheader,nounits', `-lms`];
    const child = spawn(command, [...args, String(intervalMs)], {
      stdio: ['ignore', 'pipe', 'pipe'],
      windowsHide: true,
    });
    let said = '';
    let startError: NodeJS.ErrnoException | undefined;
    child.on('error', (error) => (startError = error));
    if (!hasPipes(child)) {
      // No file descriptor is left: there are no pipes then, and no `close` will come.
      child.once('error', (error) => {
        if (!this.#isClosed) this.#tryLater(`${command}: ${error.message}`);
      });
      return;
    }
    this.#child = child;
    child.unref();
    for (const pipe of [child.stdout, child.stderr]) {
      // Sockets, in fact, which would otherwise hold this process.
      (pipe as unknown as { unref(): void }).unref();
      createInterface({ input: pipe }).on('line', (line) => {
        if (this.#isClosed) return;
        if (pipe === child.stdout) this.#watch(child);
        const isSample = pipe === child.stdout && this.#listener.onLine(line);
        if (isSample) this.#backoffMs = this.#options.firstBackoffMs;
        else if (said.length < longestMessage) said += `${line} `;
      });
    }
    child.on('close', (code, signal) => {
      clock.clearTimer(this.#silence);
      this.#child = undefined;
      if (this.#isClosed) return;
      this.#onEnd(startError, said.trim(), signal ?? `exit code ${code}`);
    });
    this.#watch(child);
  }

  #watch(child: ChildProcess): void {
    const { clock, silenceLimitMs } = this.#options;
    clock.clearTimer(this.#silence);
    this.#silence = clock.setTimer(silenceLimitMs, () => child.kill('SIGKILL'));
    unref(this.#silence);
  }

  #onEnd(error: NodeJS.ErrnoException | undefined, said: string, how: string): void {
    const { command } = this.#options;
    if (error !== undefined) {
      const isMissing = error.code === 'ENOENT';
      const why = isMissing ? `${command} was not found` : `${command}: ${error.message}`;
      this.#listener.onTrouble(why);
      return;
    }
    if (/not a valid field/i.test(said)) {
      this.#powerField += 1;
      if (this.#powerField < powerFields.length) this.#start();
      else this.#listener.onTrouble(`${command} is too old: ${said}`);
      return;
    }
    const words = said === '' ? '' : `: ${said.slice(0, longestMessage)}`;
    this.#tryLater(`${command} ended (${how})${words}`);
  }

  #tryLater(why: string): void {
    const { clock, maxBackoffMs } = this.#options;
    this.#listener.onTrouble(why);
    this.#timer = clock.setTimer(this.#backoffMs, () => {
      this.#start();
    });
    unref(this.#timer);
    this.#backoffMs = Math.min(maxBackoffMs, 2 * this.#backoffMs);
  }
}

/** The types promise pipes, which a process that could not be started may lack. */
function hasPipes(child: Partial<Pick<ChildProcess, 'stdout' | 'stderr'>>): boolean {
  return child.stdout !== undefined && child.stderr !== undefined;
}

/** The machine's clock gives timers that can let the process end; others need not. */
function unref(timer: TimerHandle): void {
  (timer as { unref?: () => void }).unref?.();
}
