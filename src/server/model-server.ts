import type { Logger } from 'pino';
import type { Clock } from '../clock.ts';
import { systemClock } from '../clock.ts';
import type { DnnScalerError } from '../errors.ts';
import type { ModelCatalog } from '../serving/models/model-repository.ts';
import { ModelRepository } from '../serving/models/model-repository.ts';
import type { FolderCatalog } from '../serving/models/folder-catalog.ts';
import { FolderWatch } from '../serving/models/folder-watch.ts';
import { MemoryBudget } from '../serving/models/memory-budget.ts';
import { ModelDataPlane } from '../serving/models/model-data-plane.ts';
import type { Power } from '../telemetry/power/open-power.ts';
import type { GrpcServerOptions } from './grpc/index.ts';
import { startGrpcServer } from './grpc/index.ts';
import type { HttpServerOptions } from './http/index.ts';
import { startHttpServer } from './http/index.ts';
import { logModel } from './log-model.ts';
import { ServerMetrics } from './metrics.ts';

export interface ModelServerOptions {
  readonly catalog: ModelCatalog;
  /** Folders whose changes are followed; they must be part of the catalog. */
  readonly watched?: readonly FolderCatalog[];
  /** How often they are looked at, in ms. Default 2 s. */
  readonly watchMs?: number;
  /** Of this package. */
  readonly version: string;
  readonly http?: Omit<
    HttpServerOptions,
    'metrics' | 'admin' | 'logger' | 'loggerInstance' | 'onAnswer' | 'clock'
  >;
  /** `null`: no gRPC. */
  readonly grpc?: Omit<GrpcServerOptions, 'onFault' | 'onAnswer' | 'clock'> | null;
  /** Bytes that waiting and running requests may hold; further ones get 503. Default 1 GiB. */
  readonly maxQueueBytes?: number;
  /** Images of more pixels are refused. Default 67 million. */
  readonly maxPixels?: number;
  /** The longest search for a model's operating point before it is ready. Default 20 s; 0: none. */
  readonly calibrateMs?: number;
  /** Metered and shown; the caller closes it. Default: power is not measured. */
  readonly power?: Power;
  readonly logger: Logger;
  readonly clock?: Clock;
}

/** A server that listens; models may still be loading. */
export interface ModelServer {
  /** Such as `http://127.0.0.1:8000`. */
  readonly httpUrl: string;
  /** Such as `127.0.0.1:8001`; null without gRPC. */
  readonly grpcTarget: string | null;
  readonly repository: ModelRepository;
  /** Resolves once every model has been tried, with the names of those that could not be loaded. */
  readonly loaded: Promise<readonly string[]>;
  /** Stops accepting, answers what was accepted, releases everything. Safe to call twice. */
  stop(): Promise<void>;
}

const defaultMaxQueueBytes = 2 ** 30;
/** Four are decoded at once, and each holds three bytes a pixel. */
const defaultMaxPixels = 2 ** 26;

/**
 * Starts the inference server: one data plane under HTTP and gRPC. Listens at once, so that
 * liveness and readiness can be asked while models load.
 *
 * @throws DnnScalerError for options out of range or an address that cannot be listened on; nothing
 *   is left running then
 */
export async function startModelServer(options: ModelServerOptions): Promise<ModelServer> {
  const { catalog, logger, power, clock = systemClock } = options;
  const metrics = new ServerMetrics(clock);
  const budget = new MemoryBudget(options.maxQueueBytes ?? defaultMaxQueueBytes);
  const repository = new ModelRepository(catalog, {
    clock,
    budget,
    maxPixels: options.maxPixels ?? defaultMaxPixels,
    calibrateMs: options.calibrateMs ?? 20_000,
    ...(power && { meter: power.meter, metered: power.ready }),
    listen: (name, version) => {
      const counted = metrics.listen(name);
      const logged = logModel(logger.child({ model: name, version }));
      return {
        ...counted,
        ...logged,
        onWindow: (report) => {
          counted.onWindow?.(report);
          logged.onWindow(report);
        },
        onPoint: (point, tookMs, error) => {
          counted.onPoint?.(point, tookMs, error);
          logged.onPoint(point, tookMs, error);
        },
      };
    },
  });
  metrics.watch(repository, budget);
  if (power !== undefined) metrics.watchPower(power);
  const plane = new ModelDataPlane(repository, options.version);
  const http = await startHttpServer(plane, {
    ...options.http,
    loggerInstance: logger,
    onAnswer: (status) => metrics.countAnswer('http', String(status)),
    clock,
    metrics: () => metrics.expose(),
    admin: {
      getSlo: (model) => repository.get(model, '').deployment.slo,
      setSlo: (model, slo) => {
        repository.get(model, '').setSlo(slo);
        logger.info({ model, slo }, 'SLO changed');
      },
    },
  });
  const grpc =
    options.grpc === null
      ? null
      : await startGrpcServer(plane, {
          ...options.grpc,
          clock,
          onAnswer: (code) => metrics.countAnswer('grpc', code),
          onFault: (fault, trace) => {
            const { traceparent } = trace ?? {};
            logger.error({ err: fault, traceparent }, 'a gRPC call failed');
          },
        }).catch(async (thrown: unknown) => {
          await http.stop(0);
          throw thrown;
        });

  const tellReload = (name: string, error: DnnScalerError | null): void => {
    if (error === null) logger.info({ model: name }, 'model loaded');
    else logger.error({ model: name }, `model not loaded: ${error.message}`);
  };
  const tellUnload = (name: string): void => logger.info({ model: name }, 'model gone: unloaded');
  const watchMs = options.watchMs ?? 2000;
  const watches = (options.watched ?? []).map(
    (folder) => new FolderWatch(folder, repository, clock, watchMs, tellReload, tellUnload),
  );
  async function load(): Promise<readonly string[]> {
    const failed: string[] = [];
    await Promise.all(watches.map((watch) => watch.start()));
    await repository.loadAll((name, error) => {
      if (error !== null) failed.push(name);
      tellReload(name, error);
    });
    plane.markLoaded();
    return failed;
  }
  async function stopAll(): Promise<void> {
    plane.markClosing();
    for (const watch of watches) watch.stop();
    await Promise.all([http.stop(), grpc?.stop()]);
    await repository.close();
  }
  let stopping: Promise<void> | undefined;
  return {
    httpUrl: http.url,
    grpcTarget: grpc?.target ?? null,
    repository,
    loaded: load(),
    stop: () => (stopping ??= stopAll()),
  };
}
