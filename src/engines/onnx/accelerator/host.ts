import { execFile } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { neededLibrariesOf } from './elf.ts';

/** What is looked at on a machine to find out whether a provider can start. */
export interface Host {
  readonly platform: NodeJS.Platform;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The folder with the runtime's own library, where it looks for those of providers. */
  readonly providerFolder: string;
  exists(path: string): boolean;
  /** Names in a folder; empty when there is none, or it may not be read. */
  list(folder: string): readonly string[];
  readText(path: string): string | undefined;
  /** What a shared library needs; undefined when the file cannot be read as one. */
  neededBy(path: string): readonly string[] | undefined;
  /** What a command prints; undefined when it is not there, fails or takes too long. */
  output(command: string, args: readonly string[]): Promise<string | undefined>;
}

/** A tool that asks a driver which hangs would keep us waiting for ever. */
const commandLimitMs = 15_000;

export const thisHost: Host = {
  platform: process.platform,
  environment: process.env,
  get providerFolder() {
    const main = createRequire(import.meta.url).resolve('onnxruntime-node');
    return join(main, '..', '..', 'bin', 'napi-v6', process.platform, process.arch);
  },
  exists: existsSync,
  list: (folder) => attempt(() => readdirSync(folder)) ?? [],
  readText: (path) => attempt(() => readFileSync(path, 'utf8')),
  neededBy: (path) => attempt(() => neededLibrariesOf(path)),
  output: (command, args) =>
    new Promise((resolve) => {
      execFile(command, args, { timeout: commandLimitMs, windowsHide: true }, (error, stdout) => {
        resolve(error === null ? stdout : undefined);
      });
    }),
};

function attempt<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
