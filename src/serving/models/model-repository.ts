import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import type { LoadOptions, ModelState, RepositoryEntry } from '../../oip/data-plane.ts';
import type { ServedModelSpec, ServingContext } from './open-served-model.ts';
import { openServedModel } from './open-served-model.ts';
import type { ServedModel } from './served-model.ts';

/** One model that can be served: where it comes from, not what becomes of it. */
export interface ModelSource {
  readonly name: string;
  /**
   * Reads what is to be served now; called again for every load.
   *
   * @param options what the caller gave along: a configuration, files
   */
  read(options: LoadOptions): Promise<ModelToServe>;
}

export interface ModelToServe {
  readonly spec: ServedModelSpec;
  /** Versions that are there and not served, such as older ones. */
  readonly otherVersions: readonly string[];
  /** Removes what was put aside for this load only, such as uploaded files. */
  release(): Promise<void>;
}

/** Finds models by name; may learn of new ones between calls. */
export interface ModelCatalog {
  sources(): Promise<readonly ModelSource[]>;
  /**
   * A source of uploaded files under a name that none of the sources has; without it there is none.
   *
   * @throws DnnScalerError `invalid-argument` for a name that no model can have
   */
  uploaded?(name: string): ModelSource | undefined;
}

interface Serving {
  readonly model: ServedModel;
  readonly toServe: ModelToServe;
}

/** A model by name: what serves it now, and what is being done about it. */
interface Slot {
  state: ModelState;
  reason: string;
  serving: Serving | null;
  /** No source has it: nobody misses it when it does not serve. */
  isUploaded: boolean;
  /** Ends when everything asked of this model so far is done: one thing at a time. */
  busy: Promise<void>;
}

const noOptions: LoadOptions = { files: new Map() };

/**
 * The models of a server: loads, swaps and unloads them. A load brings the new one up beside the
 * old one and then puts it in its place; the old one answers what it had accepted, so that no
 * request is lost.
 */
export class ModelRepository {
  readonly #catalog: ModelCatalog;
  readonly #context: ServingContext;
  readonly #slots = new Map<string, Slot>();
  /** Old models on their way out. */
  readonly #leaving = new Set<Promise<void>>();
  readonly #closing = new AbortController();

  constructor(catalog: ModelCatalog, context: ServingContext) {
    this.#catalog = catalog;
    this.#context = context;
  }

  /** Names of all models known so far. */
  get names(): readonly string[] {
    return [...this.#slots.keys()];
  }

  /** True when every model that should serve does. */
  get isReady(): boolean {
    return [...this.#slots.values()].every(
      ({ state, serving, reason, isUploaded }) =>
        isUploaded ||
        (state === 'UNAVAILABLE' && reason === unloaded) ||
        serving?.model.isReady === true,
    );
  }

  /**
   * Loads every model of the catalog, one after the other, so that each is measured alone.
   *
   * @param onLoaded called after each, with its error if it could not be loaded
   */
  async loadAll(onLoaded: (name: string, error: DnnScalerError | null) => void): Promise<void> {
    const sources = await this.#catalog.sources();
    for (const { name } of sources) this.#slotOf(name).state = 'LOADING';
    for (const { name } of sources) {
      if (this.#closing.signal.aborted) return;
      try {
        await this.load(name, noOptions);
        onLoaded(name, null);
      } catch (thrown) {
        onLoaded(name, toDnnScalerError(thrown));
      }
    }
  }

  /**
   * The model that answers for a name.
   *
   * @param version '' for whichever is served
   * @throws DnnScalerError `not-found` for an unknown name or version; `unavailable` while it loads
   *   or has failed
   */
  get(name: string, version: string): ServedModel {
    const slot = this.#slots.get(name);
    if (slot === undefined) throw unknownModel(name, this.names);
    const { serving, reason, state } = slot;
    if (serving === null) {
      const why = reason === '' ? state.toLowerCase() : reason;
      throw new DnnScalerError('unavailable', `model ${name} is not ready: ${why}`);
    }
    if (version !== '' && version !== serving.model.version) {
      const message = `model ${name} has no version ${version} in service; version ${serving.model.version} is`;
      throw new DnnScalerError('not-found', message);
    }
    return serving.model;
  }

  /** The models in service. */
  get serving(): readonly ServedModel[] {
    return [...this.#slots.values()].flatMap(({ serving }) => serving?.model ?? []);
  }

  index(readyOnly: boolean): readonly RepositoryEntry[] {
    const entries = [...this.#slots].flatMap(([name, { state, reason, serving }]) => {
      const version = serving?.model.version ?? '';
      const isReady = serving?.model.isReady ?? false;
      const own: RepositoryEntry = {
        name,
        version,
        state: isReady ? 'READY' : state === 'READY' ? 'UNAVAILABLE' : state,
        reason: isReady ? '' : (serving?.model.reason ?? reason),
      };
      const others = (serving?.toServe.otherVersions ?? []).map((other): RepositoryEntry => {
        return { name, version: other, state: 'UNAVAILABLE', reason: 'a newer version is served' };
      });
      return [own, ...others];
    });
    return readyOnly ? entries.filter(({ state }) => state === 'READY') : entries;
  }

  /**
   * Loads a model, or swaps in what its source holds now. When that fails, what served before
   * goes on serving.
   *
   * @throws DnnScalerError `not-found` when no source has the name and no files come along; whatever
   *   opening it throws
   */
  async load(name: string, options: LoadOptions): Promise<void> {
    const known = (await this.#catalog.sources()).find((candidate) => candidate.name === name);
    const source = known ?? (options.files.size > 0 ? this.#catalog.uploaded?.(name) : undefined);
    if (source === undefined) throw unknownModel(name, this.names);
    this.#slotOf(name).isUploaded = known === undefined;
    await this.#inTurn(name, async (slot) => {
      if (slot.serving === null) slot.state = 'LOADING';
      let toServe: ModelToServe | undefined;
      try {
        toServe = await source.read(options);
        const model = await openServedModel(toServe.spec, this.#context, this.#closing.signal);
        const old = slot.serving;
        slot.serving = { model, toServe };
        slot.state = 'READY';
        slot.reason = '';
        if (old !== null) void this.#retire(old);
      } catch (thrown) {
        const error = toDnnScalerError(thrown);
        await toServe?.release();
        if (slot.serving === null) {
          slot.state = 'UNAVAILABLE';
          slot.reason = error.message;
        }
        throw error;
      }
    });
  }

  /** Takes a model out of service once it has answered what it accepted. */
  async unload(name: string): Promise<void> {
    if (!this.#slots.has(name)) throw unknownModel(name, this.names);
    await this.#inTurn(name, async (slot) => {
      const { serving } = slot;
      slot.serving = null;
      slot.state = serving === null ? 'UNAVAILABLE' : 'UNLOADING';
      slot.reason = unloaded;
      if (serving !== null) await this.#retire(serving);
      slot.state = 'UNAVAILABLE';
    });
  }

  /** Answers everything accepted, and releases every model. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#slots.values()].map(({ busy }) => busy));
    for (const slot of this.#slots.values()) {
      if (slot.serving !== null) void this.#retire(slot.serving);
      slot.serving = null;
      slot.state = 'UNAVAILABLE';
      slot.reason = 'the server is shutting down';
    }
    await Promise.all(this.#leaving);
  }

  #slotOf(name: string): Slot {
    let slot = this.#slots.get(name);
    if (slot === undefined) {
      slot = {
        ...{ state: 'UNAVAILABLE', reason: '', serving: null, isUploaded: false },
        busy: Promise.resolve(),
      };
      this.#slots.set(name, slot);
    }
    return slot;
  }

  async #inTurn(name: string, act: (slot: Slot) => Promise<void>): Promise<void> {
    const slot = this.#slotOf(name);
    const turn = slot.busy.then(() => {
      if (this.#closing.signal.aborted) {
        throw new DnnScalerError('unavailable', 'the server is shutting down');
      }
      return act(slot);
    });
    const over = turn
      .catch(() => undefined)
      .then(() => {
        // Of uploaded models only those in service are known.
        const isIdle = slot.serving === null && slot.busy === over;
        if (slot.isUploaded && isIdle) this.#slots.delete(name);
      });
    slot.busy = over;
    await turn;
  }

  #retire({ model, toServe }: Serving): Promise<void> {
    const leaving = model
      .close()
      .then(() => toServe.release())
      // The requests are answered by then; a folder that cannot be removed concerns nobody.
      .catch(() => undefined)
      .finally(() => this.#leaving.delete(leaving));
    this.#leaving.add(leaving);
    return leaving;
  }
}

const unloaded = 'unloaded';

function unknownModel(name: string, known: readonly string[]): DnnScalerError {
  const names = known.length === 0 ? 'none' : known.join(', ');
  const message = `there is no model ${JSON.stringify(name)}; there are: ${names}`;
  return new DnnScalerError('not-found', message.slice(0, 500));
}
