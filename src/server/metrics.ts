import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import type { Clock } from '../clock.ts';
import type { DeploymentListener } from '../serving/deployment.ts';
import type { MemoryBudget } from '../serving/models/memory-budget.ts';
import type { ModelRepository } from '../serving/models/model-repository.ts';
import type { ServedModelListener } from '../serving/models/served-model.ts';
import type { Power } from '../telemetry/power/open-power.ts';
import { RollingCounter } from '../telemetry/rolling-counter.ts';
import { addPowerMetrics } from './power-metrics.ts';

/** Powers of two from 0.5 ms to 32 s: an SLO lies within a factor of two of a bound. */
const latencyBuckets = Array.from({ length: 17 }, (_, i) => 0.0005 * 2 ** i);
const rowBuckets = [1, 2, 4, 8, 16, 32, 64, 128];

/** How far back the gauges of rates and attainment look, in seconds. */
const recentS = 60;

/** What is counted for one model. */
interface Recent {
  readonly rows: RollingCounter;
  readonly rowsWithinSlo: RollingCounter;
  readonly requests: RollingCounter;
  readonly requestsWithinSlo: RollingCounter;
}

/**
 * The server's figures for Prometheus, in its units (seconds, bytes, ratios of 0..1) and by its
 * naming conventions.
 */
export class ServerMetrics {
  readonly #registry = new Registry();
  readonly #clock: Clock;
  readonly #startedMs: number;
  readonly #recent = new Map<string, Recent>();
  readonly #requests = this.#counter('requests_total', 'Requests by how they ended', ['outcome']);
  readonly #answers: Counter;
  readonly #withinSlo = this.#counter(
    'requests_within_slo_total',
    'Requests answered within the limit of the SLO',
  );
  readonly #rows = this.#counter('rows_total', 'Rows answered');
  readonly #requestSeconds = this.#histogram(
    'request_duration_seconds',
    'From the arrival of a request to its answer, queueing included',
    latencyBuckets,
  );
  readonly #executionSeconds = this.#histogram(
    'execution_duration_seconds',
    'Time of one engine call',
    latencyBuckets,
  );
  readonly #batchRows = this.#histogram('batch_rows', 'Rows of one engine call', rowBuckets);
  readonly #decisions = this.#counter('decisions_total', 'Decisions of the scaler', ['kind']);
  readonly #changes = this.#counter('point_changes_total', 'Changes of the operating point');

  /** @param clock of the whole server */
  constructor(clock: Clock) {
    this.#clock = clock;
    this.#startedMs = clock.nowMs();
    this.#answers = new Counter({
      name: 'dnnscaler_answers_total',
      help: 'Answers of the server to calls of any kind, by status',
      labelNames: ['protocol', 'code'],
      registers: [this.#registry],
    });
    // Its default wakes an idle server a hundred times a second.
    collectDefaultMetrics({ register: this.#registry, eventLoopMonitoringPrecision: 100 });
    // They tell how far apart its wake-ups were, not by how much they were late.
    for (const statistic of ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99']) {
      this.#registry.removeSingleMetric(`nodejs_eventloop_lag_${statistic}_seconds`);
    }
  }

  /** What a model is to be given to be counted. */
  listen(model: string): ServedModelListener & DeploymentListener {
    const recent = this.#recentOf(model);
    const requestSeconds = this.#requestSeconds.labels(model);
    const executionSeconds = this.#executionSeconds.labels(model);
    const batchRows = this.#batchRows.labels(model);
    const rowsTotal = this.#rows.labels(model);
    return {
      onRequest: (outcome, latencyMs, rows, isWithinSlo) => {
        const nowMs = this.#clock.nowMs();
        this.#requests.labels(model, outcome).inc();
        // Neither has anything to do with how well the SLO is held.
        if (outcome === 'cancelled' || outcome === 'rejected') return;
        recent.requests.add(1, nowMs);
        if (outcome !== 'answered') return;
        requestSeconds.observe(latencyMs / 1000);
        rowsTotal.inc(rows);
        recent.rows.add(rows, nowMs);
        if (!isWithinSlo) return;
        this.#withinSlo.labels(model).inc();
        recent.rowsWithinSlo.add(rows, nowMs);
        recent.requestsWithinSlo.add(1, nowMs);
      },
      onCall: ({ startedMs, endedMs, rows }) => {
        executionSeconds.observe((endedMs - startedMs) / 1000);
        batchRows.observe(rows);
      },
      onWindow: ({ decision }) => {
        this.#decisions.labels(model, decision.kind).inc();
      },
      onPoint: () => {
        this.#changes.labels(model).inc();
      },
    };
  }

  /** @param code a status as its protocol writes it, such as 200 or INVALID_ARGUMENT */
  countAnswer(protocol: 'http' | 'grpc', code: string): void {
    this.#answers.labels(protocol, code).inc();
  }

  /** Adds what is read from the models and the queue at each scrape. */
  watch(repository: ModelRepository, budget: MemoryBudget): void {
    const ofModels = (
      name: string,
      help: string,
      read: (model: ModelRepository['serving'][number]) => number | undefined,
    ): void => {
      const gauge = new Gauge({
        name: `dnnscaler_${name}`,
        help,
        labelNames: ['model'],
        registers: [this.#registry],
        collect() {
          gauge.reset();
          for (const model of repository.serving) {
            const value = read(model);
            if (value !== undefined) gauge.labels(model.name).set(value);
          }
        },
      });
    };
    const rate = (counter: keyof Recent) => (model: { readonly name: string }) =>
      this.#recentOf(model.name)[counter].perS(this.#clock.nowMs());
    ofModels('model_ready', '1 when the model can be used', (model) => (model.isReady ? 1 : 0));
    ofModels('batch_size', 'Batch size of the operating point', ({ deployment }) => {
      return deployment.point?.batchSize;
    });
    ofModels('instances', 'Instances of the operating point', ({ deployment }) => {
      return deployment.point?.instances;
    });
    ofModels('queue_rows', 'Rows waiting for an instance', ({ deployment }) => deployment.queued);
    ofModels('rows_in_progress', 'Rows accepted and not yet answered', ({ deployment }) => {
      return deployment.unsettled;
    });
    ofModels('slo_seconds', 'Limit of the SLO', ({ deployment }) => deployment.slo.limitMs / 1000);
    ofModels('slo_percentile_ratio', 'Percentile of the SLO', ({ deployment }) => {
      return deployment.slo.percentile;
    });
    ofModels(
      'throughput_rows_per_second',
      `Rows answered, over ${recentS} s or since the model first came`,
      rate('rows'),
    );
    ofModels(
      'goodput_rows_per_second',
      `Rows answered within the SLO, over ${recentS} s or since the model first came`,
      rate('rowsWithinSlo'),
    );
    ofModels(
      'slo_attainment_ratio',
      `Share of requests answered within the SLO, over ${recentS} s; absent without requests`,
      ({ name }) => {
        const { requests, requestsWithinSlo } = this.#recentOf(name);
        const nowMs = this.#clock.nowMs();
        const total = requests.total(nowMs);
        return total === 0 ? undefined : requestsWithinSlo.total(nowMs) / total;
      },
    );
    const queueBytes = new Gauge({
      name: 'dnnscaler_queue_bytes',
      help: 'Bytes held by requests that wait or run',
      registers: [this.#registry],
      collect() {
        queueBytes.set(budget.usedBytes);
      },
    });
  }

  /** Adds power, and what the GPUs are doing. */
  watchPower(power: Power): void {
    addPowerMetrics(this.#registry, power, this.#clock, {
      overMs: 1000 * recentS,
      rowsPerS: () => {
        const nowMs = this.#clock.nowMs();
        let rows = 0;
        for (const recent of this.#recent.values()) rows += recent.rows.total(nowMs);
        // Of the server, not of a model that came later: energy is counted from then on.
        const coveredS = Math.min(recentS, (nowMs - this.#startedMs) / 1000);
        return coveredS > 0 ? rows / coveredS : 0;
      },
    });
  }

  /** The exposition format, for `GET /metrics`. */
  async expose(): Promise<{ contentType: string; body: string }> {
    return { contentType: this.#registry.contentType, body: await this.#registry.metrics() };
  }

  #recentOf(model: string): Recent {
    let recent = this.#recent.get(model);
    if (recent === undefined) {
      const startedMs = this.#clock.nowMs();
      const counter = () => new RollingCounter(recentS, startedMs);
      recent = {
        rows: counter(),
        rowsWithinSlo: counter(),
        requests: counter(),
        requestsWithinSlo: counter(),
      };
      this.#recent.set(model, recent);
    }
    return recent;
  }

  #counter(name: string, help: string, labels: readonly string[] = []): Counter {
    return new Counter({
      name: `dnnscaler_${name}`,
      help,
      labelNames: ['model', ...labels],
      registers: [this.#registry],
    });
  }

  #histogram(name: string, help: string, buckets: readonly number[]): Histogram {
    return new Histogram({
      name: `dnnscaler_${name}`,
      help,
      labelNames: ['model'],
      buckets: [...buckets],
      registers: [this.#registry],
    });
  }
}
