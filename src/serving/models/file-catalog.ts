import { DnnScalerError, invalidArgument } from '../../errors.ts';
import type { LoadOptions } from '../../oip/data-plane.ts';
import { configOf } from './model-config.ts';
import type { ModelCatalog, ModelSource, ModelToServe } from './model-repository.ts';
import type { ServedModelSpec } from './open-served-model.ts';
import type { ModelDefaults } from './spec.ts';
import { specOf } from './spec.ts';
import { serveUpload } from './upload.ts';

/** One model file with a name, made when it is first needed. */
export interface NamedModel {
  readonly name: string;
  /** The file's path, and what is known of the model besides. */
  open(): Promise<
    Pick<ServedModelSpec, 'preprocessing' | 'makeRow'> & { readonly modelPath: string }
  >;
}

/** Their one version. */
const onlyVersion = '1';

/** Models given one by one, and those that are uploaded. */
export class FileCatalog implements ModelCatalog {
  readonly #models: readonly NamedModel[];
  readonly #defaults: ModelDefaults;

  constructor(models: readonly NamedModel[], defaults: ModelDefaults) {
    this.#models = models;
    this.#defaults = defaults;
  }

  sources(): Promise<readonly ModelSource[]> {
    const sources = this.#models.map((model): ModelSource => {
      return { name: model.name, read: (options) => this.#read(model, options) };
    });
    return Promise.resolve(sources);
  }

  uploaded(name: string): ModelSource {
    if (!/^\w[\w.-]{0,199}$/.test(name)) {
      const rule = 'must be 1 to 200 letters, digits, ".", "_" or "-", the first no dot or dash';
      throw invalidArgument('the name of an uploaded model', rule, name);
    }
    const open = (): never => {
      throw new DnnScalerError('not-found', `model ${name} needs its files with each load`);
    };
    return { name, read: (options) => this.#read({ name, open }, options) };
  }

  async #read(model: NamedModel, options: LoadOptions): Promise<ModelToServe> {
    const { name } = model;
    const config = configOf(options, undefined, name);
    if (typeof config.labels === 'string') {
      const message = `model ${name} has no folder to find ${JSON.stringify(config.labels)} in: give the labels as a list`;
      throw new DnnScalerError('invalid-argument', message);
    }
    const base = { name, config, labels: config.labels ?? [], defaults: this.#defaults };
    if (options.files.size > 0) return serveUpload(options.files, base, []);
    const { modelPath, preprocessing, makeRow } = await model.open();
    const spec = specOf({ ...base, version: onlyVersion, modelPath });
    return {
      spec: {
        ...spec,
        preprocessing: spec.preprocessing ?? preprocessing,
        ...(makeRow && { makeRow }),
      },
      otherVersions: [],
      release: () => Promise.resolve(),
    };
  }
}

/** Several catalogs as one. */
export class JoinedCatalog implements ModelCatalog {
  readonly #catalogs: readonly ModelCatalog[];

  constructor(catalogs: readonly ModelCatalog[]) {
    this.#catalogs = catalogs;
  }

  /** @throws DnnScalerError `invalid-argument` when two models have one name */
  async sources(): Promise<readonly ModelSource[]> {
    const sources = (await Promise.all(this.#catalogs.map((each) => each.sources()))).flat();
    const names = new Set<string>();
    for (const { name } of sources) {
      if (names.has(name)) {
        throw new DnnScalerError('invalid-argument', `two models have the name ${name}`);
      }
      names.add(name);
    }
    return sources;
  }

  /** By the first that takes uploads. */
  uploaded(name: string): ModelSource | undefined {
    return this.#catalogs.find((catalog) => catalog.uploaded !== undefined)?.uploaded?.(name);
  }
}
