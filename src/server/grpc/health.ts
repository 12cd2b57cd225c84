import { status } from '@grpc/grpc-js';
import type { handleUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { Clock, TimerHandle } from '../../clock.ts';
import type { DataPlane } from '../../oip/data-plane.ts';
import { inferenceServiceName } from '../../oip/grpc-definition.ts';
import type { HealthRequest, HealthResponse } from './messages.ts';
import { GrpcProblem } from './status.ts';
import type { OpenStreams } from './open-streams.ts';
import type { Received } from './unary.ts';
import { unary } from './unary.ts';

type HealthStatus = HealthResponse['status'];
type WatchCall = ServerWritableStream<Received<HealthRequest>, HealthResponse>;

/** How often the readiness of the data plane is looked at while a client watches it. */
const watchIntervalMs = 500;

/**
 * The standard health service (`grpc.health.v1.Health`), for the server as a whole (the empty name)
 * and the inference service, which are ready together.
 */
export class Health {
  readonly #plane: DataPlane;
  readonly #clock: Clock;
  readonly #watchers = new Map<WatchCall, HealthStatus>();
  #timer: TimerHandle | undefined;
  #isStopping = false;

  constructor(plane: DataPlane, clock: Clock) {
    this.#plane = plane;
    this.#clock = clock;
  }

  handlers(
    streams: OpenStreams,
    onFault: (fault: unknown) => void,
  ): {
    Check: handleUnaryCall<Received<HealthRequest>, HealthResponse>;
    List: handleUnaryCall<
      Received<HealthRequest>,
      { statuses: Readonly<Record<string, HealthResponse>> }
    >;
    Watch: (call: WatchCall) => void;
  } {
    return {
      Check: unary(({ service }) => {
        const health = this.#statusOf(service);
        if (health !== 'SERVICE_UNKNOWN') return { status: health };
        throw new GrpcProblem(status.NOT_FOUND, `service ${JSON.stringify(service)} is not known`);
      }, onFault),
      List: unary(() => {
        const names = ['', inferenceServiceName];
        const statuses = names.map((name) => [name, { status: this.#statusOf(name) }] as const);
        return { statuses: Object.fromEntries(statuses) };
      }, onFault),
      Watch: (call) => this.#watch(call, streams),
    };
  }

  /** From now on the server is not serving; whoever watches is told at once. */
  stop(): void {
    this.#isStopping = true;
    this.#clock.clearTimer(this.#timer);
    this.#tellWatchers();
  }

  #statusOf(service: string): HealthStatus {
    if (service !== '' && service !== inferenceServiceName) return 'SERVICE_UNKNOWN';
    const isServing = !this.#isStopping && this.#plane.isLive() && this.#plane.isReady();
    return isServing ? 'SERVING' : 'NOT_SERVING';
  }

  #watch(call: WatchCall, streams: OpenStreams): void {
    const { request } = call;
    if ('fault' in request) {
      call.emit('error', { code: status.INVALID_ARGUMENT, details: 'malformed request' });
      return;
    }
    const forget = (): void => {
      this.#watchers.delete(call);
    };
    call.on('cancelled', forget);
    call.on('close', forget);
    const health = this.#statusOf(request.message.service);
    call.write({ status: health });
    this.#watchers.set(call, health);
    streams.add(call, () => call.end());
    this.#lookLater();
  }

  #lookLater(): void {
    if (this.#isStopping || this.#watchers.size === 0) return;
    this.#timer ??= this.#clock.setTimer(watchIntervalMs, () => {
      this.#timer = undefined;
      this.#tellWatchers();
      this.#lookLater();
    });
  }

  #tellWatchers(): void {
    for (const [call, told] of this.#watchers) {
      const { request } = call;
      if ('fault' in request) continue;
      const health = this.#statusOf(request.message.service);
      // A watcher that takes nothing is told once it does: only the newest status matters.
      if (health === told || call.writableNeedDrain) continue;
      call.write({ status: health });
      this.#watchers.set(call, health);
    }
  }
}
