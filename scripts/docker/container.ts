import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { chownSync, closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { inside } from './build.ts';
import type { Image } from './build.ts';

/** Nobody, where there is one; what counts is that no file belongs to it. */
const plainUid = 65_534;

/** Whether processes are started as another user than this one, which only root can do. */
export const changesUser = process.getuid?.() === 0;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Starts programs as a container of an image would: its environment, folder and user. */
export class Container {
  readonly #image: Image;
  readonly #node: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #logFolder: string;
  #started = 0;

  /**
   * @param node stands for the `node` of the base image
   * @param scratch for what programs print, and a home folder
   */
  constructor(image: Image, node: string, scratch: string) {
    this.#image = image;
    this.#node = node;
    this.#logFolder = scratch;
    const home = path.join(scratch, 'home');
    mkdirSync(home);
    if (changesUser) chownSync(home, plainUid, plainUid);
    this.#environment = { PATH: process.env.PATH, HOME: home, ...image.environment };
  }

  /** @param words the program and its arguments; absolute paths below the image's folders are mapped */
  start(words: readonly string[], environment: NodeJS.ProcessEnv = {}): Running {
    const { root, workdir } = this.#image;
    const [command = '', ...args] = words.map((word) =>
      word.startsWith(`${workdir}/`) ? path.join(root, word) : word,
    );
    this.#started += 1;
    const logFile = path.join(this.#logFolder, `log-${this.#started}`);
    const output = openSync(logFile, 'w');
    const child = spawn(command === 'node' ? this.#node : command, args, {
      cwd: inside(this.#image, '.'),
      env: { ...this.#environment, ...environment },
      stdio: ['ignore', output, output],
      ...(changesUser && { uid: plainUid, gid: plainUid }),
    });
    closeSync(output);
    return new Running(child, logFile);
  }

  /** Runs a program to its end. */
  async run(words: readonly string[], environment?: NodeJS.ProcessEnv): Promise<number | null> {
    return (await this.start(words, environment).ended).code;
  }
}

/** A program of a container, on its way. */
export class Running {
  readonly ended: Promise<Exit>;
  readonly #child: ChildProcess;
  readonly #logFile: string;
  #exit: Exit | undefined;

  constructor(child: ChildProcess, logFile: string) {
    this.#child = child;
    this.#logFile = logFile;
    this.ended = new Promise<Exit>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
      });
    });
    // Whoever awaits it is told.
    this.ended.catch(() => undefined);
  }

  /** All that it has printed. */
  get log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  kill(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /**
   * Waits for a line of its log that holds a text.
   *
   * @throws Error with the log when it ends before, or the time is up
   */
  async line(text: string, limitMs: number): Promise<string> {
    const untilMs = performance.now() + limitMs;
    for (;;) {
      const { log } = this;
      const found = log.split('\n').find((line) => line.includes(text));
      if (found !== undefined) return found;
      if (this.#exit !== undefined || performance.now() > untilMs) {
        const how = this.#exit === undefined ? 'in time' : `before it ended (${this.#exit.code})`;
        throw new Error(`it did not say ${text} ${how}:\n${log}`);
      }
      await sleep(100);
    }
  }
}
