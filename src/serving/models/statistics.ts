import type { ModelStatistics, StatisticDuration } from '../../oip/data-plane.ts';
import type { AnsweringCall } from '../request.ts';

/** What one request took, in ms, by where it spent the time. */
export interface RequestTimes {
  readonly totalMs: number;
  /** Its slowest row's wait for an instance. */
  readonly queueMs: number;
  /** From bytes to rows, images decoded. */
  readonly inputMs: number;
  /** Its slowest row's engine call. */
  readonly inferMs: number;
  /** From replies to tensors. */
  readonly outputMs: number;
}

class Duration {
  #count = 0;
  #ms = 0;

  add(ms: number): void {
    this.#count += 1;
    this.#ms += ms;
  }

  get report(): StatisticDuration {
    return { count: this.#count, ns: Math.round(this.#ms * 1e6) };
  }
}

const nothing: StatisticDuration = { count: 0, ns: 0 };

/** Counts since a model was loaded, in the terms of the protocol's statistics. */
export class StatisticsCounter {
  readonly #success = new Duration();
  readonly #fail = new Duration();
  readonly #queue = new Duration();
  readonly #input = new Duration();
  readonly #infer = new Duration();
  readonly #output = new Duration();
  readonly #callsBySize = new Map<number, Duration>();
  #rows = 0;
  #calls = 0;
  #lastMs = 0;

  /** @param unixMs when it was answered */
  recordSuccess(times: RequestTimes, rows: number, unixMs: number): void {
    this.#success.add(times.totalMs);
    this.#queue.add(times.queueMs);
    this.#input.add(times.inputMs);
    this.#infer.add(times.inferMs);
    this.#output.add(times.outputMs);
    this.#rows += rows;
    this.#lastMs = unixMs;
  }

  recordFailure(totalMs: number, unixMs: number): void {
    this.#fail.add(totalMs);
    this.#lastMs = unixMs;
  }

  recordCall({ rows, startedMs, endedMs }: AnsweringCall): void {
    this.#calls += 1;
    let calls = this.#callsBySize.get(rows);
    if (calls === undefined) this.#callsBySize.set(rows, (calls = new Duration()));
    calls.add(endedMs - startedMs);
  }

  report(name: string, version: string): ModelStatistics {
    return {
      name,
      version,
      last_inference: Math.round(this.#lastMs),
      inference_count: this.#rows,
      execution_count: this.#calls,
      inference_stats: {
        success: this.#success.report,
        fail: this.#fail.report,
        queue: this.#queue.report,
        compute_input: this.#input.report,
        compute_infer: this.#infer.report,
        compute_output: this.#output.report,
        cache_hit: nothing,
        cache_miss: nothing,
      },
      batch_stats: [...this.#callsBySize]
        .sort(([a], [b]) => a - b)
        .map(([batch_size, calls]) => ({
          batch_size,
          compute_input: { count: calls.report.count, ns: 0 },
          compute_infer: calls.report,
          compute_output: { count: calls.report.count, ns: 0 },
        })),
    };
  }
}
