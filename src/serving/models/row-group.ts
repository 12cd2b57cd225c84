import type { DnnScalerError } from '../../errors.ts';
import type { Row } from '../../tensor/row.ts';
import type { Deployment } from '../deployment.ts';
import type { AnsweringCall, PendingRequest } from '../request.ts';

/**
 * Called once: with the replies in the order of the rows and the call that ended last, or with the
 * first error.
 */
export type GroupDone = (
  error: DnnScalerError | null,
  replies: readonly Row[],
  last: AnsweringCall,
) => void;

const noCall: AnsweringCall = { startedMs: 0, endedMs: 0, rows: 0 };

/** The rows of one request on their way through a deployment; they may travel in several batches. */
export class RowGroup {
  readonly #deployment: Deployment<Row, Row>;
  readonly #rows: readonly Row[];
  readonly #expiresMs: number;
  readonly #done: GroupDone;
  readonly #replies: Row[];
  readonly #pending: (PendingRequest<Row, Row> | undefined)[] = [];
  #unanswered: number;
  #isOver = false;

  constructor(
    deployment: Deployment<Row, Row>,
    rows: readonly Row[],
    expiresMs: number,
    done: GroupDone,
  ) {
    this.#deployment = deployment;
    this.#rows = rows;
    this.#expiresMs = expiresMs;
    this.#done = done;
    this.#replies = new Array<Row>(rows.length);
    this.#unanswered = rows.length;
  }

  submit(): void {
    this.#deployment.together(() => {
      this.#submitAll();
    });
  }

  #submitAll(): void {
    for (const [index, row] of this.#rows.entries()) {
      if (this.#isOver) return;
      const request = this.#deployment.submit(
        row,
        (error, reply, call) => {
          this.#settle(index, error, reply, call);
        },
        { expiresMs: this.#expiresMs },
      );
      this.#pending.push(request);
    }
  }

  /** Withdraws the rows that still wait; when all are with an instance, their end is awaited. */
  cancel(): void {
    for (const request of this.#pending) {
      if (request !== undefined) this.#deployment.cancel(request);
    }
  }

  #settle(
    index: number,
    error: DnnScalerError | null,
    reply: Row | undefined,
    call: AnsweringCall = noCall,
  ): void {
    if (this.#isOver) return;
    if (error !== null) {
      this.#isOver = true;
      // Without its other rows the request is lost: they need not run.
      this.cancel();
      this.#done(error, [], noCall);
      return;
    }
    this.#replies[index] = reply as Row;
    this.#unanswered -= 1;
    if (this.#unanswered > 0) return;
    this.#isOver = true;
    this.#done(null, this.#replies, call);
  }
}
