import type { Clock, TimerHandle } from '../../clock.ts';
import type { DnnScalerError } from '../../errors.ts';
import { toDnnScalerError } from '../../errors.ts';
import type { FolderCatalog } from './folder-catalog.ts';
import type { ModelRepository } from './model-repository.ts';

/**
 * Loads models again when their files change. Looks at regular intervals, which unlike the
 * operating system's notices works on every file system; a change is acted on once it has stayed
 * the same for one interval, so that half-written files are not loaded. A model whose files are gone
 * is unloaded.
 */
export class FolderWatch {
  readonly #catalog: FolderCatalog;
  readonly #repository: ModelRepository;
  readonly #clock: Clock;
  readonly #intervalMs: number;
  readonly #onUnload: (name: string) => void;
  readonly #onReload: (name: string, error: DnnScalerError | null) => void;
  #acted: ReadonlyMap<string, string> = new Map();
  #seen: ReadonlyMap<string, string> = new Map();
  #timer: TimerHandle | undefined;
  #isStopped = false;

  constructor(
    catalog: FolderCatalog,
    repository: ModelRepository,
    clock: Clock,
    intervalMs: number,
    onReload: (name: string, error: DnnScalerError | null) => void,
    onUnload: (name: string) => void,
  ) {
    this.#catalog = catalog;
    this.#repository = repository;
    this.#clock = clock;
    this.#intervalMs = intervalMs;
    this.#onReload = onReload;
    this.#onUnload = onUnload;
  }

  /** Takes what is there now for loaded, and watches from then on. */
  async start(): Promise<void> {
    this.#acted = await this.#catalog.fingerprints();
    this.#seen = this.#acted;
    this.#arm();
  }

  stop(): void {
    this.#isStopped = true;
    this.#clock.clearTimer(this.#timer);
  }

  #arm(): void {
    if (this.#isStopped) return;
    this.#timer = this.#clock.setTimer(this.#intervalMs, () => {
      void this.#look().finally(() => {
        this.#arm();
      });
    });
  }

  async #look(): Promise<void> {
    // A folder that is gone for a moment changes nothing.
    const prints = await this.#catalog.fingerprints().catch(() => this.#seen);
    const acted = new Map(this.#acted);
    for (const [name, print] of prints) {
      if (acted.get(name) === print || this.#seen.get(name) !== print) continue;
      acted.set(name, print);
      try {
        await this.#repository.load(name, { files: new Map() });
        this.#onReload(name, null);
      } catch (thrown) {
        this.#onReload(name, toDnnScalerError(thrown));
      }
    }
    for (const name of acted.keys()) {
      if (prints.has(name) || this.#seen.has(name)) continue;
      acted.delete(name);
      await this.#repository.unload(name).then(
        () => this.#onUnload(name),
        () => undefined, // it was unloaded by somebody else
      );
    }
    this.#acted = acted;
    this.#seen = prints;
  }
}
