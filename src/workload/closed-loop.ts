import type { RowSource } from './row-source.ts';

/** Hands one row over; `settled` is called once when it was answered, well or not. */
export type Submit<Row> = (row: Row, settled: () => void) => void;

/**
 * A closed loop: as many rows outstanding as asked for, each answer followed by the next row. With
 * `batchSize x instances` outstanding every batch is full and every instance busy, as in the
 * paper's experiments, so that a row never waits and its latency is that of its engine call.
 */
export class ClosedLoop<Row> {
  readonly #source: RowSource<Row>;
  readonly #submit: Submit<Row>;
  readonly #onStarved: () => void;
  #target = 0;
  #outstanding = 0;
  #waitingForSource = false;
  #stopped = false;

  /** @param onStarved told whenever the source has no row ready: it may have ended */
  constructor(
    source: RowSource<Row>,
    submit: Submit<Row>,
    onStarved: () => void = () => undefined,
  ) {
    this.#source = source;
    this.#submit = submit;
    this.#onStarved = onStarved;
  }

  /** Rows handed over and not yet answered. */
  get outstanding(): number {
    return this.#outstanding;
  }

  /** Sets how many rows are outstanding; a smaller number takes effect as rows are answered. */
  setOutstanding(target: number): void {
    this.#target = target;
    this.#fill();
  }

  /** Submits no more rows; those outstanding will still be answered. */
  stop(): void {
    this.#stopped = true;
  }

  readonly #settled = (): void => {
    this.#outstanding -= 1;
    this.#fill();
  };

  #fill(): void {
    while (!this.#stopped && this.#outstanding < this.#target) {
      const row = this.#source.take();
      if (row === undefined) {
        this.#awaitSource();
        return;
      }
      this.#outstanding += 1;
      this.#submit(row, this.#settled);
    }
  }

  #awaitSource(): void {
    if (this.#waitingForSource) return;
    this.#waitingForSource = true;
    this.#onStarved();
    this.#source.whenAvailable(() => {
      this.#waitingForSource = false;
      this.#fill();
    });
  }
}
