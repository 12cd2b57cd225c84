import { readFile, readdir, stat } from 'node:fs/promises';
import path from 'node:path';
import { DnnScalerError, invalidArgument } from '../../errors.ts';
import type { LoadOptions } from '../../oip/data-plane.ts';
import { configFileName, configOf } from './model-config.ts';
import type { ModelConfigFile } from './model-config.ts';
import { modelFileName, versionsIn } from './model-folder.ts';
import type { ModelCatalog, ModelSource, ModelToServe } from './model-repository.ts';
import { specOf } from './spec.ts';
import type { ModelDefaults } from './spec.ts';
import { serveUpload } from './upload.ts';

/**
 * A folder laid out as Triton's repositories are: `NAME/VERSION/model.onnx`, with `dnnscaler.json`
 * beside the versions. The newest version is served. Read anew at each call.
 */
export class FolderCatalog implements ModelCatalog {
  readonly #folder: string;
  readonly #defaults: ModelDefaults;

  constructor(folder: string, defaults: ModelDefaults) {
    this.#folder = folder;
    this.#defaults = defaults;
  }

  /** @throws DnnScalerError `invalid-argument` when the folder cannot be read */
  async sources(): Promise<readonly ModelSource[]> {
    const entries = await readdir(this.#folder).catch((cause: unknown) => {
      throw new DnnScalerError('invalid-argument', `cannot read the folder ${this.#folder}`, {
        cause,
      });
    });
    const sources: ModelSource[] = [];
    for (const name of entries) {
      if (name.startsWith('.')) continue;
      const folder = path.join(this.#folder, name);
      if ((await versionsIn(folder)).length === 0) continue;
      sources.push({
        name,
        read: (options) => readModelFolder(name, folder, options, this.#defaults),
      });
    }
    return sources;
  }

  /**
   * What changes when a model does, by name: the files of its newest version (the model, weights
   * kept beside it) and those beside its versions (the configuration, labels). For telling whether
   * to load it again.
   */
  async fingerprints(): Promise<ReadonlyMap<string, string>> {
    const prints = new Map<string, string>();
    for (const { name } of await this.sources()) {
      const folder = path.join(this.#folder, name);
      const [newest = ''] = await versionsIn(folder);
      const states = [await filesState(path.join(folder, newest)), await filesState(folder)];
      prints.set(name, [newest, ...states].join('\n'));
    }
    return prints;
  }
}

/** Name, time and size of the files in a folder, but for hidden ones. */
async function filesState(folder: string): Promise<string> {
  const names = await readdir(folder).catch(() => []);
  const states: string[] = [];
  for (const name of names.sort()) {
    if (name.startsWith('.')) continue;
    const found = await stat(path.join(folder, name)).catch(() => undefined);
    if (found?.isFile() === true) states.push(`${name}:${found.mtimeMs}:${found.size}`);
  }
  return states.join(' ');
}

async function readModelFolder(
  name: string,
  folder: string,
  options: LoadOptions,
  defaults: ModelDefaults,
): Promise<ModelToServe> {
  const stored = await readText(path.join(folder, configFileName));
  const config = configOf(options, stored, path.join(name, configFileName));
  const labels = await labelsOf(config, folder);
  const base = { name, config, labels, defaults };
  const versions = await versionsIn(folder);
  if (options.files.size > 0) return serveUpload(options.files, base, versions);
  const [version, ...otherVersions] = versions;
  if (version === undefined) {
    throw new DnnScalerError('not-found', `model ${name} has no VERSION/${modelFileName} any more`);
  }
  const modelPath = path.join(folder, version, modelFileName);
  return {
    spec: specOf({ ...base, version, modelPath }),
    otherVersions,
    release: () => Promise.resolve(),
  };
}

/** @throws DnnScalerError `invalid-argument` for a file outside of the folder, or not there */
async function labelsOf(
  { labels = [] }: ModelConfigFile,
  folder: string,
): Promise<readonly string[]> {
  if (typeof labels !== 'string') return labels;
  const file = path.resolve(folder, labels);
  const text = isInside(folder, file) ? await readText(file) : undefined;
  if (text === undefined) {
    throw invalidArgument('labels', "must name a text file in the model's folder", labels);
  }
  // A blank line is a class without a name; those at the end are none.
  return text.trimEnd().split(/\r?\n/);
}

function isInside(folder: string, file: string): boolean {
  const relative = path.relative(folder, file);
  return !relative.startsWith('..') && !path.isAbsolute(relative);
}

async function readText(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    const message = `cannot read ${path.basename(file)}: ${(thrown as Error).message}`;
    throw new DnnScalerError('invalid-argument', message);
  }
}
