import type { Slo } from '../../slo.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import type { LoadWindow } from './load-result.ts';
import type { LoadOutcome } from './load-target.ts';

/** How a request ended, seen from the generator, which also gives requests up. */
export type Settlement = LoadOutcome | { readonly kind: 'timed-out'; readonly reason: string };

/** The times of one request, in ms of the clock. */
export interface RequestTimes {
  /** When it was due; latencies count from here. */
  readonly dueMs: number;
  /** When it was handed to a connection; absent while it waits for one. */
  readonly sentMs?: number | undefined;
}

/** Counts and latencies of the measured requests, in constant memory. */
export class LoadTally {
  readonly slo: Slo;
  readonly latency = new LatencyHistogram();
  readonly sinceSent = new LatencyHistogram();
  readonly lag = new LatencyHistogram();
  answered = 0;
  withinSlo = 0;
  shed = 0;
  unsent = 0;
  /** Requests for which no connection was free when they were due. */
  waited = 0;
  /** Answers that came while load was being measured, whenever they were due. */
  answeredInTime = 0;
  /** By reason: how many requests failed, and what was said of the first. */
  readonly failures = new Map<string, { count: number; readonly message: string | undefined }>();
  firstShed: string | undefined;

  constructor(slo: Slo) {
    this.slo = slo;
  }

  get errors(): number {
    let errors = 0;
    for (const { count } of this.failures.values()) errors += count;
    return errors;
  }

  get settled(): number {
    return this.answered + this.shed + this.errors;
  }

  record(settlement: Settlement, { dueMs, sentMs = dueMs }: RequestTimes, nowMs: number): void {
    const latencyMs = nowMs - dueMs;
    switch (settlement.kind) {
      case 'answered':
        this.answered += 1;
        if (latencyMs <= this.slo.limitMs) this.withinSlo += 1;
        this.latency.record(latencyMs);
        this.sinceSent.record(nowMs - sentMs);
        return;
      case 'timed-out':
        this.#fail(settlement.reason, undefined);
        this.latency.record(latencyMs);
        this.sinceSent.record(nowMs - sentMs);
        return;
      case 'shed':
        this.shed += 1;
        this.firstShed ??= settlement.error.message;
        return;
      case 'failed':
        this.#fail(settlement.reason, settlement.error.message);
    }
  }

  #fail(reason: string, message: string | undefined): void {
    const failure = this.failures.get(reason);
    if (failure === undefined) this.failures.set(reason, { count: 1, message });
    else failure.count += 1;
  }
}

/** Counts what happens until the window is closed, and begins anew. */
export class WindowRecorder {
  readonly #limitMs: number;
  readonly #latency = new LatencyHistogram();
  #sent = 0;
  #withinSlo = 0;
  #answered = 0;
  #shed = 0;
  #errors = 0;

  constructor({ limitMs }: Slo) {
    this.#limitMs = limitMs;
  }

  recordSent(): void {
    this.#sent += 1;
  }

  record({ kind }: Settlement, latencyMs: number): void {
    if (kind === 'answered') {
      this.#answered += 1;
      this.#latency.record(latencyMs);
      if (latencyMs <= this.#limitMs) this.#withinSlo += 1;
    } else if (kind === 'shed') this.#shed += 1;
    else this.#errors += 1;
  }

  close(span: Pick<LoadWindow, 'timeMs' | 'durationMs' | 'isWarmUp' | 'outstanding'>): LoadWindow {
    const window: LoadWindow = {
      ...span,
      sent: this.#sent,
      answered: this.#answered,
      withinSlo: this.#withinSlo,
      shed: this.#shed,
      errors: this.#errors,
      p50Ms: this.#latency.quantileMs(0.5),
      p95Ms: this.#latency.quantileMs(0.95),
      p99Ms: this.#latency.quantileMs(0.99),
    };
    this.#latency.clear();
    this.#sent = this.#answered = this.#withinSlo = this.#shed = this.#errors = 0;
    return window;
  }
}
