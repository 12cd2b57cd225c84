import type { FastifyBaseLogger, FastifyServerOptions } from 'fastify';
import { systemClock } from '../../clock.ts';
import type { Clock } from '../../clock.ts';
import { invalidArgument } from '../../errors.ts';
import type { WireLimits } from '../../oip/wire-limits.ts';
import { defaultWireLimits } from '../../oip/wire-limits.ts';
import type { Slo } from '../../slo.ts';

/** Bounds that keep one client from using up the server. All are positive. */
export interface HttpLimits {
  /** Bytes of a request's body, before and after decompression. Default 64 MiB. */
  readonly maxBodyBytes: number;
  /** Bytes of all bodies of inference requests held at once, from `maxBodyBytes`; 503 beyond. Default 1 GiB. */
  readonly maxBufferedBytes: number;
  /** Bytes of a request's headers, its URL included. Default 16 KiB. */
  readonly maxHeaderBytes: number;
  /** Connections at once; further ones are closed. Default 1,024. */
  readonly maxConnections: number;
  /** Inference requests received or answered at once; 503 beyond. Default 1,024. */
  readonly maxConcurrentRequests: number;
  /** From connecting, or the first byte of a further request, to the end of its headers. Default 10 s. */
  readonly headersTimeoutMs: number;
  /** The same to the end of its body, from `headersTimeoutMs`. Default 60 s. */
  readonly requestTimeoutMs: number;
  /** Between two requests of a connection. Default 60 s. */
  readonly idleTimeoutMs: number;
  /** While a client takes nothing of its answer. Default 30 s. */
  readonly writeTimeoutMs: number;
}

export const defaultHttpLimits: HttpLimits = {
  maxBodyBytes: 64 * 2 ** 20,
  maxBufferedBytes: 2 ** 30,
  maxHeaderBytes: 16 * 2 ** 10,
  maxConnections: 1024,
  maxConcurrentRequests: 1024,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  idleTimeoutMs: 60_000,
  writeTimeoutMs: 30_000,
};

/** Reading and changing the objective of a model while it serves. */
export interface HttpAdmin {
  /** @throws DnnScalerError `not-found` */
  getSlo(model: string): Slo;
  /** @throws DnnScalerError `not-found`; `invalid-argument` for one the model cannot have */
  setSlo(model: string, slo: Slo): void | Promise<void>;
}

export interface HttpServerOptions {
  /** Address to listen on. Default 127.0.0.1, which `localhost` means too. */
  readonly host?: string;
  /** 0 to 65535; 0 for any free one. Default 8000. */
  readonly port?: number;
  /** PEM texts; serves HTTPS when given. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
  /**
   * Secret for routes that change something, sent as `Authorization: Bearer TOKEN`; at least 16
   * characters. Needed unless the server listens on a loopback address, and by uploads always.
   */
  readonly managementToken?: string;
  /** Needs the token on a loopback address too, as behind a proxy. Default false. */
  readonly alwaysRequireToken?: boolean;
  /** Names, besides `localhost` and IP addresses, by which the server may be told to change something. */
  readonly allowedHosts?: readonly string[];
  /** Origins of web pages, besides the server's own, that may make it change something. */
  readonly allowedOrigins?: readonly string[];
  readonly limits?: Partial<HttpLimits>;
  readonly wireLimits?: Partial<WireLimits>;
  /** Answers `GET /metrics`; not found without it. */
  readonly metrics?: () => Promise<{ readonly contentType: string; readonly body: string }>;
  /** Answers `/v2/models/M/slo`; not found without it. */
  readonly admin?: HttpAdmin;
  /** Options of fastify's own pino logger, or true for its defaults. Default false: none. */
  readonly logger?: FastifyServerOptions['logger'];
  /** A ready logger instead, such as one of pino. */
  readonly loggerInstance?: FastifyBaseLogger;
  /** Log each request and its answer at level `info`, not only faults. Default false. */
  readonly logRequests?: boolean;
  /** Told the status of every answer; 499 when the client left, or was cut off, before it. */
  readonly onAnswer?: (status: number) => void;
  readonly clock?: Clock;
}

/** Options with every default filled in. */
export interface HttpSettings {
  readonly host: string;
  readonly port: number;
  readonly tls: HttpServerOptions['tls'];
  readonly managementToken: string | undefined;
  readonly alwaysRequireToken: boolean;
  readonly allowedHosts: readonly string[];
  readonly allowedOrigins: readonly string[];
  readonly limits: HttpLimits;
  readonly wireLimits: WireLimits;
  readonly metrics: HttpServerOptions['metrics'];
  readonly admin: HttpAdmin | undefined;
  readonly logger: FastifyServerOptions['logger'];
  readonly loggerInstance: FastifyBaseLogger | undefined;
  readonly logRequests: boolean;
  readonly onAnswer: (status: number) => void;
  readonly clock: Clock;
}

const leastTokenLength = 16;

/** @throws DnnScalerError `invalid-argument` for an option out of its range */
export function checkHttpOptions(options: HttpServerOptions): HttpSettings {
  const { port = 8000, managementToken } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw invalidArgument('port', 'must be an integer from 0 to 65535', port);
  }
  if (managementToken !== undefined && managementToken.length < leastTokenLength) {
    const rule = `must have at least ${leastTokenLength} characters; its length is`;
    throw invalidArgument('the management token', rule, managementToken.length);
  }
  return {
    // Listening on every address of a name would take a server each.
    host: options.host === undefined || options.host === 'localhost' ? '127.0.0.1' : options.host,
    port,
    tls: options.tls,
    managementToken,
    alwaysRequireToken: options.alwaysRequireToken ?? false,
    allowedHosts: options.allowedHosts ?? [],
    allowedOrigins: options.allowedOrigins ?? [],
    limits: checkLimits({ ...defaultHttpLimits, ...options.limits }),
    wireLimits: { ...defaultWireLimits, ...options.wireLimits },
    metrics: options.metrics,
    admin: options.admin,
    logger: options.logger,
    loggerInstance: options.loggerInstance,
    logRequests: options.logRequests ?? false,
    onAnswer: options.onAnswer ?? (() => undefined),
    clock: options.clock ?? systemClock,
  };
}

function checkLimits(limits: HttpLimits): HttpLimits {
  for (const [name, value] of Object.entries(limits) as [string, number][]) {
    if (!Number.isSafeInteger(value) || value <= 0) {
      throw invalidArgument(`limits.${name}`, 'must be a positive integer', value);
    }
  }
  checkAtLeast(limits, 'maxBufferedBytes', 'maxBodyBytes');
  checkAtLeast(limits, 'requestTimeoutMs', 'headersTimeoutMs');
  return limits;
}

function checkAtLeast(limits: HttpLimits, name: keyof HttpLimits, least: keyof HttpLimits): void {
  if (limits[name] < limits[least]) {
    throw invalidArgument(
      `limits.${name}`,
      `must be at least ${least}, ${limits[least]}`,
      limits[name],
    );
  }
}
