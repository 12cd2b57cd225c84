import type { Clock } from '../../clock.ts';
import type { Row } from '../../tensor/row.ts';
import { ClosedLoop } from '../../workload/closed-loop.ts';
import type { RowSource } from '../../workload/row-source.ts';
import type { Deployment, DeploymentListener } from '../deployment.ts';

/** Decisions in a row that change nothing, after which the operating point is taken for found. */
const holdsToSettle = 2;

/**
 * Finds the operating point before the first client comes: a closed loop of made-up rows runs until
 * the scaler has settled, or until the time is up. Live traffic cannot do this, since under light
 * load every point looks alike.
 *
 * Give `listener` to the deployment, start it, and await `run`.
 */
export class Calibration {
  readonly listener: DeploymentListener;
  #holds = 0;
  #loop: ClosedLoop<Row> | undefined;
  #outstanding = 1;
  #settled: (() => void) | undefined;
  #onSettledRow: (() => void) | undefined;

  constructor() {
    this.listener = {
      onWindow: ({ decision }) => {
        this.#holds = decision.kind === 'hold' ? this.#holds + 1 : 0;
        if (this.#holds >= holdsToSettle) this.#settled?.();
      },
      onPoint: ({ batchSize, instances }) => {
        this.#outstanding = batchSize * instances;
        this.#loop?.setOutstanding(this.#outstanding);
      },
    };
  }

  /**
   * Resolves when the scaler has settled (true), or when the time is up, the rows fail or the signal
   * comes (false).
   *
   * @param limitMs 0 does nothing
   */
  async run(
    deployment: Deployment<Row, Row>,
    source: RowSource<Row>,
    limitMs: number,
    clock: Clock,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (limitMs <= 0 || signal.aborted) return false;
    let failures = 0;
    const hasSettled = await new Promise<boolean>((resolve) => {
      const timer = clock.setTimer(limitMs, () => end(false));
      const end = (settled: boolean): void => {
        clock.clearTimer(timer);
        signal.removeEventListener('abort', giveUp);
        resolve(settled);
      };
      const giveUp = (): void => end(false);
      signal.addEventListener('abort', giveUp);
      this.#settled = () => end(true);
      this.#loop = new ClosedLoop(source, (row, settled) => {
        deployment.submit(row, (error) => {
          failures = error === null ? 0 : failures + 1;
          if (failures >= toleratedFailures) {
            this.#loop?.stop();
            end(false);
          }
          settled();
          this.#onSettledRow?.();
        });
      });
      this.#loop.setOutstanding(this.#outstanding);
    });
    this.#settled = undefined;
    await this.#stopLoop();
    return hasSettled;
  }

  /** Resolves when its last row is answered: from then on all rows are clients'. */
  #stopLoop(): Promise<void> {
    const loop = this.#loop as ClosedLoop<Row>;
    loop.stop();
    return new Promise((resolve) => {
      this.#onSettledRow = () => {
        if (loop.outstanding === 0) resolve();
      };
      this.#onSettledRow();
    });
  }
}

/** Rows that may fail one after the other: a model that rejects them all must not spin. */
const toleratedFailures = 64;
