import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, rename, unlink } from 'node:fs/promises';
import { arch, availableParallelism, cpus, homedir, platform } from 'node:os';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import { DnnScalerError } from '../errors.ts';
import { requireCells } from './cells.ts';
import type { StillHeld } from './file-lock.ts';
import { withFileLock } from './file-lock.ts';
import type { NetworkProfile, ProfileFileContent } from './profile-format.ts';
import { readProfiles, writeProfiles } from './profile-format.ts';

export interface ProfileLibraryOptions {
  /** Default: `profileLibraryPath()`. */
  readonly file?: string;
  readonly clock?: Clock;
  /** Told when the file was damaged and set aside (default: silent). */
  readonly onWarning?: (message: string) => void;
}

/**
 * Where profiles are kept: `profiles.json` in `DNNSCALER_DATA_DIR`, else in `dnnscaler` under
 * `XDG_DATA_HOME` (if absolute, as that standard has it), else under `~/.local/share`.
 */
export function profileLibraryPath(
  env: Readonly<Record<string, string | undefined>> = process.env,
  home: string = homedir(),
): string {
  const own = env.DNNSCALER_DATA_DIR;
  if (own !== undefined && own !== '') return path.join(own, 'profiles.json');
  const xdg = env.XDG_DATA_HOME ?? '';
  const data = path.isAbsolute(xdg) ? xdg : path.join(home, '.local', 'share');
  return path.join(data, 'dnnscaler', 'profiles.json');
}

/**
 * What tells this machine from others as far as latency goes.
 *
 * @param accelerator name of the accelerator, where the execution provider uses one and it is known
 */
export function machineSignature(accelerator?: string): string {
  const model = cpus()[0]?.model.trim().replace(/\s+/g, ' ') ?? 'unknown processor';
  const cores = `${availableParallelism()} cores`;
  return [platform(), arch(), model, cores, accelerator].filter(Boolean).join(', ');
}

/** `sha256:` and the hash of a model file's content. */
export async function modelContentHash(file: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  return `sha256:${hash.digest('hex')}`;
}

/**
 * The profiles kept on this machine, in one JSON file (docs/estimation.md gives the format). Safe
 * under processes that write at once: writers take turns by a lock file, and the file is replaced
 * whole, so readers need no lock. A damaged file is kept beside as `profiles.json.corrupt-1` (-2,
 * ...), its sound profiles are taken over, and this is said once. A file of a newer version is
 * neither read nor touched.
 */
export class ProfileLibrary {
  readonly file: string;
  readonly #clock: Clock;
  readonly #onWarning: (message: string) => void;

  constructor(options: ProfileLibraryOptions = {}) {
    this.file = options.file ?? profileLibraryPath();
    this.#clock = options.clock ?? systemClock;
    this.#onWarning = options.onWarning ?? (() => undefined);
  }

  /**
   * The profiles, oldest first; none when there is no file.
   *
   * @throws DnnScalerError `unsupported` for a file of a newer version, `unavailable` when it cannot
   * be read
   */
  async read(): Promise<readonly NetworkProfile[]> {
    const content = await this.#load();
    if (content.damage === undefined) return content.profiles;
    return this.#update((profiles) => profiles);
  }

  /**
   * Keeps a profile, in place of one of the same model, machine and provider.
   *
   * @throws DnnScalerError `invalid-argument` for latencies that are none, `unsupported` for a file of
   * a newer version, `unavailable` when it cannot be written
   */
  async save(profile: NetworkProfile): Promise<void> {
    requireCells(profile.cells, `the profile of ${profile.name}`);
    await this.#update((profiles) => [
      ...profiles.filter((kept) => !sameKey(kept, profile)),
      profile,
    ]);
  }

  /** Reads, changes and replaces the file under the lock; returns what it then holds. */
  async #update(
    change: (profiles: readonly NetworkProfile[]) => readonly NetworkProfile[],
  ): Promise<readonly NetworkProfile[]> {
    try {
      await mkdir(path.dirname(this.file), { recursive: true });
      for (;;) {
        const changed = await withFileLock(
          `${this.file}.lock`,
          { clock: this.#clock },
          (stillHeld) => this.#replace(change, stillHeld),
        );
        if (changed !== undefined) return changed;
      }
    } catch (error) {
      throw asUnavailable(error, `cannot write ${this.file}`);
    }
  }

  /** Nothing when the lock was lost, so that the change must be made anew. */
  async #replace(
    change: (profiles: readonly NetworkProfile[]) => readonly NetworkProfile[],
    stillHeld: StillHeld,
  ): Promise<readonly NetworkProfile[] | undefined> {
    const { profiles, damage } = await this.#load();
    const changed = change(profiles);
    const fresh = `${this.file}.${randomUUID()}.tmp`;
    await writeThrough(fresh, writeProfiles(changed));
    if (!(await stillHeld())) {
      await unlink(fresh);
      return undefined;
    }
    if (damage !== undefined) await this.#setAside(damage, profiles.length);
    await rename(fresh, this.file);
    return changed;
  }

  async #load(): Promise<ProfileFileContent> {
    let text: string;
    try {
      text = await readFile(this.file, 'utf8');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { profiles: [] };
      throw asUnavailable(error, `cannot read ${this.file}`);
    }
    return readProfiles(text, this.file);
  }

  async #setAside(damage: string, saved: number): Promise<void> {
    const aside = await claimName(`${this.file}.corrupt`);
    await rename(this.file, aside);
    this.#onWarning(
      `${this.file} was damaged (${damage}): it is kept as ${path.basename(aside)}, and ` +
        (saved === 0 ? 'a new one begun' : `its ${saved} sound profiles were taken over`),
    );
  }
}

function sameKey(a: NetworkProfile, b: NetworkProfile): boolean {
  return a.modelHash === b.modelHash && a.machine === b.machine && a.provider === b.provider;
}

/** Writes a new file and waits until it is on the disk, so that a later rename never shows half of it. */
async function writeThrough(file: string, text: string): Promise<void> {
  const handle = await open(file, 'wx');
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Creates and returns the first of `prefix-1`, `prefix-2`, ... that does not exist. */
async function claimName(prefix: string): Promise<string> {
  for (let n = 1; ; n += 1) {
    const name = `${prefix}-${n}`;
    try {
      await (await open(name, 'wx')).close();
      return name;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
  }
}

function asUnavailable(error: unknown, what: string): DnnScalerError {
  if (error instanceof DnnScalerError) return error;
  const why = error instanceof Error ? error.message : String(error);
  return new DnnScalerError('unavailable', `${what}: ${why}`, { cause: error });
}
