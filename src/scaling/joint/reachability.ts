import type { OperatingPoint } from '../../operating-point.ts';

/** A count of instances that could not be reached is ruled out for batches from this share on. */
const ruledOutBatchShare = 0.25;

/** Which operating points were out of reach. */
export class Reachability {
  #failed: readonly OperatingPoint[] = [];
  readonly #ruledOut: ((batchSize: number, instances: number) => boolean)[] = [];

  /** Rules out what an engine that reached less than it was asked for will not reach either. */
  recordReached(asked: OperatingPoint, reached: OperatingPoint): void {
    if (reached.instances < asked.instances) {
      const leastBatch = ruledOutBatchShare * asked.batchSize;
      this.#ruledOut.push((b, k) => k > reached.instances && b >= leastBatch);
    } else if (reached.batchSize < asked.batchSize) {
      this.#ruledOut.push((b, k) => k >= asked.instances && b > reached.batchSize);
    }
  }

  /** Rules out a point at which nothing was answered, and all larger ones, until it answers. */
  recordFailed(point: OperatingPoint): void {
    this.#failed = [...this.#failed, point];
  }

  /** What failed once may work in a changed world. */
  forgetFailures(): void {
    this.#failed = [];
  }

  isReachable(batchSize: number, instances: number): boolean {
    return (
      !this.#ruledOut.some((rulesOut) => rulesOut(batchSize, instances)) &&
      !this.#failed.some((point) => isCovered(point, batchSize, instances))
    );
  }

  /** A point answers: it and all smaller ones are no longer held to have failed. */
  recordAnswered({ batchSize, instances }: OperatingPoint): void {
    this.#failed = this.#failed.filter((point) => !isCovered(point, batchSize, instances));
  }
}

/** Whether a point takes at least as much as one that failed. */
function isCovered(failed: OperatingPoint, batchSize: number, instances: number): boolean {
  return instances >= failed.instances && batchSize >= failed.batchSize;
}
