import type { Clock, TimerHandle } from '../../clock.ts';

/** Something that ends at a time unless it is done before. */
export interface Due {
  readonly deadlineMs: number;
}

/**
 * Deadlines of many requests on one timer. They are added in ascending order, as they are when all
 * requests have the same patience.
 */
export class Deadlines<Item extends Due> {
  readonly #clock: Clock;
  readonly #expire: (item: Item) => void;
  /** In the order they were added. */
  readonly #items = new Set<Item>();
  #timer: TimerHandle | undefined;

  /** @param expire called once for each item whose deadline has come, when it is no longer held */
  constructor(clock: Clock, expire: (item: Item) => void) {
    this.#clock = clock;
    this.#expire = expire;
  }

  get size(): number {
    return this.#items.size;
  }

  add(item: Item): void {
    this.#items.add(item);
    if (this.#timer === undefined) this.#arm(item);
  }

  delete(item: Item): void {
    this.#items.delete(item);
  }

  /** Lets go of all items without expiring them, and gives them. */
  clear(): readonly Item[] {
    const items = [...this.#items];
    this.#items.clear();
    this.#clock.clearTimer(this.#timer);
    this.#timer = undefined;
    return items;
  }

  /** The timer stays when its item is done early: arming anew for each would cost more. */
  #arm({ deadlineMs }: Item): void {
    const delayMs = Math.max(0, deadlineMs - this.#clock.nowMs());
    this.#timer = this.#clock.setTimer(delayMs, this.#onTimer);
  }

  readonly #onTimer = (): void => {
    this.#timer = undefined;
    const nowMs = this.#clock.nowMs();
    const expired: Item[] = [];
    for (const item of this.#items) {
      if (item.deadlineMs > nowMs) {
        this.#arm(item);
        break;
      }
      expired.push(item);
    }
    for (const item of expired) if (this.#items.delete(item)) this.#expire(item);
  };
}
