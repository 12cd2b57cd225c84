import { systemClock } from '../../clock.ts';
import type { Clock } from '../../clock.ts';
import { invalidArgument } from '../../errors.ts';
import type { TraceContext } from '../../oip/trace-context.ts';
import type { WireLimits } from '../../oip/wire-limits.ts';
import { defaultWireLimits } from '../../oip/wire-limits.ts';

/** Bounds that keep one client from using up the server. All are positive integers. */
export interface GrpcLimits {
  /** Bytes of one message of a client, after decompression. Default 64 MiB. */
  readonly maxMessageBytes: number;
  /**
   * Bytes of all messages received, in part or whole, and not answered yet, from `maxMessageBytes`;
   * UNAVAILABLE beyond. A compressed call counts as `maxMessageBytes` until it has been unpacked.
   * Default 1 GiB.
   */
  readonly maxBufferedBytes: number;
  /** Inference requests in work at once; UNAVAILABLE beyond. Default 1,024. */
  readonly maxConcurrentRequests: number;
  /** Requests of one stream in work or answered but not taken; the rest is left unread. Default 128. */
  readonly maxRequestsOfStream: number;
  /** Calls of one connection at once, streams included. Default 1,024. */
  readonly maxCallsOfConnection: number;
  /** Connections at once; further ones are closed. Default 1,024. */
  readonly maxConnections: number;
  /** From connecting to the end of the HTTP/2 handshake. Default 10 s. */
  readonly handshakeTimeoutMs: number;
  /** For a request to arrive; DEADLINE_EXCEEDED beyond. Default 60 s. */
  readonly requestTimeoutMs: number;
  /** For a client to take the next piece of its answers; the call is reset beyond. Default 60 s. */
  readonly writeTimeoutMs: number;
  /** A connection without calls is closed after this. Default 5 min. */
  readonly idleTimeoutMs: number;
  /** A connection is asked for a sign of life this often. Default 60 s. */
  readonly keepaliveIntervalMs: number;
  /** And closed when it gives none for this long. Default 20 s. */
  readonly keepaliveTimeoutMs: number;
}

export const defaultGrpcLimits: GrpcLimits = {
  maxMessageBytes: 64 * 2 ** 20,
  maxBufferedBytes: 2 ** 30,
  maxConcurrentRequests: 1024,
  maxRequestsOfStream: 128,
  maxCallsOfConnection: 1024,
  maxConnections: 1024,
  handshakeTimeoutMs: 10_000,
  requestTimeoutMs: 60_000,
  writeTimeoutMs: 60_000,
  idleTimeoutMs: 300_000,
  keepaliveIntervalMs: 60_000,
  keepaliveTimeoutMs: 20_000,
};

export interface GrpcServerOptions {
  /** Address to listen on. Default 127.0.0.1, which `localhost` means too. */
  readonly host?: string;
  /** 0 to 65535; 0 for any free one. Default 8001. */
  readonly port?: number;
  /** PEM texts; the server speaks TLS when given. */
  readonly tls?: { readonly cert: string | Buffer; readonly key: string | Buffer };
  /**
   * Secret for calls that change something, sent as metadata `authorization: Bearer TOKEN`; at least
   * 16 characters. Needed unless the server listens on a loopback address, and by uploads always.
   */
  readonly managementToken?: string;
  /** Needs the token on a loopback address too, as behind a proxy. Default false. */
  readonly alwaysRequireToken?: boolean;
  readonly limits?: Partial<GrpcLimits>;
  readonly wireLimits?: Partial<WireLimits>;
  /** Told of faults that nobody foresaw; clients see only "internal error". */
  readonly onFault?: (fault: unknown, trace?: Partial<TraceContext>) => void;
  /** Told the name of the status of every call that has ended; CANCELLED when the client left before that. */
  readonly onAnswer?: (code: string) => void;
  readonly clock?: Clock;
}

/** Options with every default filled in. */
export interface GrpcSettings {
  readonly host: string;
  readonly port: number;
  readonly tls: GrpcServerOptions['tls'];
  readonly managementToken: string | undefined;
  readonly alwaysRequireToken: boolean;
  readonly limits: GrpcLimits;
  readonly wireLimits: WireLimits;
  readonly onFault: (fault: unknown, trace?: Partial<TraceContext>) => void;
  readonly onAnswer: (code: string) => void;
  readonly clock: Clock;
}

const leastTokenLength = 16;

/** @throws DnnScalerError `invalid-argument` for an option out of its range */
export function checkGrpcOptions(options: GrpcServerOptions): GrpcSettings {
  const { port = 8001, managementToken } = options;
  if (!Number.isInteger(port) || port < 0 || port > 65_535) {
    throw invalidArgument('the gRPC port', 'must be an integer from 0 to 65535', port);
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
    limits: checkLimits({ ...defaultGrpcLimits, ...options.limits }),
    wireLimits: { ...defaultWireLimits, ...options.wireLimits },
    onFault: options.onFault ?? (() => undefined),
    onAnswer: options.onAnswer ?? (() => undefined),
    clock: options.clock ?? systemClock,
  };
}

function checkLimits(limits: GrpcLimits): GrpcLimits {
  for (const [name, value] of Object.entries(limits) as [string, number][]) {
    if (!Number.isSafeInteger(value) || value <= 0) {
      throw invalidArgument(`limits.${name}`, 'must be a positive integer', value);
    }
  }
  if (limits.maxBufferedBytes < limits.maxMessageBytes) {
    const rule = `must be at least maxMessageBytes, ${limits.maxMessageBytes}`;
    throw invalidArgument('limits.maxBufferedBytes', rule, limits.maxBufferedBytes);
  }
  return limits;
}
