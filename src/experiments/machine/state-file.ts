import { readFile } from 'node:fs/promises';
import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import { fileError } from '../../zoo/file-digest.ts';
import { writeTextFile } from '../../zoo/model-file.ts';

interface Content<T> {
  readonly settings: unknown;
  readonly results: Record<string, T>;
}

/**
 * Results of a long experiment, kept in a JSON file as they come, so that it can go on where it was
 * cut off. The file is replaced whole each time.
 */
export class StateFile<T> {
  readonly #path: string;
  readonly #settings: unknown;
  readonly #results: Record<string, T>;

  private constructor(path: string, { settings, results }: Content<T>) {
    this.#path = path;
    this.#settings = settings;
    this.#results = results;
  }

  /**
   * Reads what there is; nothing when there is no file.
   *
   * @param settings what the results depend on; those of another file must not be mixed with them
   * @param isFresh leaves out what there is
   * @throws DnnScalerError `invalid-argument` for a file of other settings, or none of ours
   */
  static async open<T>(path: string, settings: unknown, isFresh = false): Promise<StateFile<T>> {
    const empty = { settings, results: {} };
    const text = isFresh ? undefined : await readIfThere(path);
    if (text === undefined) return new StateFile<T>(path, empty);
    let found: {
      readonly settings?: unknown;
      readonly results?: Content<T>['results'] | null;
    } | null;
    try {
      found = JSON.parse(text, revive) as typeof found;
    } catch (error) {
      throw refusal(path, `is no JSON (${toDnnScalerError(error).message})`);
    }
    if (typeof found?.results !== 'object' || found.results === null) {
      throw refusal(path, 'holds no results of this command');
    }
    if (JSON.stringify(found.settings) !== JSON.stringify(settings)) {
      const differing = differences(found.settings, settings).join(', ');
      throw refusal(path, `holds results of other settings (${differing})`);
    }
    return new StateFile<T>(path, { settings, results: found.results });
  }

  /** Results there are. */
  get count(): number {
    return Object.keys(this.#results).length;
  }

  get(key: string): T | undefined {
    return this.#results[key];
  }

  async put(key: string, result: T): Promise<void> {
    this.#results[key] = result;
    const content: Content<T> = { settings: this.#settings, results: this.#results };
    await writeTextFile(this.#path, `${JSON.stringify(content, replace)}\n`);
  }
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    // What is there and cannot be read must not be written over.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileError(path, 'read', error);
  }
}

/** JSON has no NaN, and results do: what was never measured. */
const replace = (_key: string, value: unknown): unknown => (Number.isNaN(value) ? 'NaN' : value);
const revive = (_key: string, value: unknown): unknown => (value === 'NaN' ? Number.NaN : value);

function refusal(path: string, why: string): DnnScalerError {
  const message = `${path} ${why}: remove it, or begin afresh (--fresh)`;
  return new DnnScalerError('invalid-argument', message);
}

/** Names of the settings that differ. */
function differences(a: unknown, b: unknown): readonly string[] {
  const [before, now] = [a, b].map((value) => (value ?? {}) as Record<string, unknown>);
  const names = new Set([...Object.keys(before ?? {}), ...Object.keys(now ?? {})]);
  return [...names].filter(
    (name) => JSON.stringify(before?.[name]) !== JSON.stringify(now?.[name]),
  );
}
