import { Server } from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import type { PackageDefinition, ServiceDefinition } from '@grpc/proto-loader';
import { protoPath as healthProtoPath } from 'grpc-health-check';
import { sleep } from '../../clock.ts';
import type { DataPlane } from '../../oip/data-plane.ts';
import {
  inferenceServiceName,
  inferenceServiceOf,
  loadInferencePackage,
} from '../../oip/grpc-definition.ts';
import { isLoopback } from '../http/guard.ts';
import { Health } from './health.ts';
import type { InferService } from './infer.ts';
import { Intake } from './intake.ts';
import { Management } from './management.ts';
import { OpenStreams } from './open-streams.ts';
import type { GrpcServerOptions, GrpcSettings } from './options.ts';
import { checkGrpcOptions } from './options.ts';
import { addReflection, reflectionPaths } from './reflection.ts';
import { inferenceHandlers, inferenceMethods } from './service.ts';
import { listen } from './sockets.ts';
import { withReceiving } from './unary.ts';

/** A server that is listening. */
export interface GrpcServer {
  /** Such as `127.0.0.1:8001`, as clients take it. */
  readonly target: string;
  readonly port: number;
  /** Calls that are open: requests that arrive or wait for their answers, and streams. */
  openCalls(): number;
  /** Bytes of the requests among them. */
  heldBytes(): number;
  /**
   * Stops listening, finishes every call that has begun, closes the connections and resolves.
   * Streams end once what they have brought has been answered. After `graceMs` whatever is left is
   * cut off, which cancels it. Calls after the first wait for the same end.
   *
   * @param graceMs default: no limit
   */
  stop(graceMs?: number): Promise<void>;
}

/**
 * Serves the Open Inference Protocol over gRPC, with server reflection and the health service.
 *
 * @throws DnnScalerError `invalid-argument` for an option out of its range or unusable TLS texts,
 *   and `unavailable` when the address cannot be listened on
 */
export async function startGrpcServer(
  plane: DataPlane,
  options: GrpcServerOptions = {},
): Promise<GrpcServer> {
  const settings = checkGrpcOptions(options);
  const { limits, clock, onFault } = settings;
  const streamPaths = [`/${inferenceServiceName}/ModelStreamInfer`, ...reflectionPaths];
  const intake = new Intake(limits, streamPaths, clock, settings.onAnswer);
  const streams = new OpenStreams();
  const health = new Health(plane, clock);
  const management = new Management(settings);
  const service: InferService = {
    plane,
    intake,
    onFault,
    maxConcurrentRequests: limits.maxConcurrentRequests,
    maxRequestsOfStream: limits.maxRequestsOfStream,
    nowMs: () => clock.nowMs(),
    inWork: 0,
  };
  const server = new Server(channelOptions(settings));
  const inference = loadInferencePackage();
  const healthPackage = loadHealthPackage();
  server.addService(
    inferenceMethods(inferenceServiceOf(inference), settings.wireLimits),
    inferenceHandlers(service, management, streams),
  );
  server.addService(withReceiving(healthPackage['grpc.health.v1.Health'] as ServiceDefinition), {
    ...health.handlers(streams, onFault),
  });
  addReflection(server, { ...inference, ...healthPackage }, intake, streams);
  const sockets = await listen(server, settings, intake);
  management.isExposed = !isLoopback(sockets.address);

  const stop = async (graceMs: number): Promise<void> => {
    health.stop();
    sockets.close();
    const finished = new Promise<true>((resolve) => server.tryShutdown(() => resolve(true)));
    streams.stopAll();
    const startMs = clock.nowMs();
    let busyMs = startMs;
    let isFinished: boolean;
    do {
      const nowMs = clock.nowMs();
      if (intake.calls > 0) busyMs = nowMs;
      // A client that never says goodbye would keep its connection for ever.
      if (nowMs - startMs >= graceMs || nowMs - busyMs >= goodbyeMs) sockets.destroy();
      isFinished = await Promise.race([finished, sleep(stopCheckMs, clock).then(() => false)]);
    } while (!isFinished);
    sockets.destroy();
    intake.close();
  };
  let stopped: Promise<void> | undefined;
  const { address, port } = sockets;
  return {
    target: `${address.includes(':') ? `[${address}]` : address}:${port}`,
    port,
    openCalls: () => intake.calls,
    heldBytes: () => intake.heldBytes,
    stop: (graceMs = Infinity) => {
      stopped ??= stop(graceMs);
      return stopped;
    },
  };
}

/** How often a stopping server looks for connections that it can end. */
const stopCheckMs = 25;
/** How long clients may take, after the last answer, to close their connections. */
const goodbyeMs = 500;

function channelOptions({ limits }: GrpcSettings): Record<string, number> {
  return {
    'grpc.max_receive_message_length': limits.maxMessageBytes,
    // What a model answers is for its owner to bound.
    'grpc.max_send_message_length': -1,
    'grpc.max_concurrent_streams': limits.maxCallsOfConnection,
    'grpc.max_connection_idle_ms': limits.idleTimeoutMs,
    'grpc.keepalive_time_ms': limits.keepaliveIntervalMs,
    'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
    // Statistics that nothing here reads.
    'grpc.enable_channelz': 0,
  };
}

function loadHealthPackage(): PackageDefinition {
  return loadSync(healthProtoPath, { keepCase: true, enums: String, defaults: true, oneofs: true });
}
