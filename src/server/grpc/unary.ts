import type { handleUnaryCall, Metadata } from '@grpc/grpc-js';
import type { ServiceDefinition } from '@grpc/proto-loader';
import { invalidArgument, toDnnScalerError } from '../../errors.ts';
import { failedStatus, isForeseen } from './status.ts';

/** A message of a client, or what is wrong with its bytes. */
export type Received<Q> =
  { readonly message: Q; readonly byteLength: number } | { readonly fault: unknown };

/**
 * A decoder that never throws: grpc-js calls everything that one throws an internal error of the
 * server, without a word about it.
 */
export function receiving<Q>(decode: (bytes: Buffer) => Q): (bytes: Buffer) => Received<Q> {
  return (bytes) => {
    try {
      return { message: decode(bytes), byteLength: bytes.byteLength };
    } catch (fault) {
      return { fault };
    }
  };
}

/** A service as proto-loader describes it, except that malformed requests are the client's fault. */
export function withReceiving(service: ServiceDefinition): ServiceDefinition {
  return Object.fromEntries(
    Object.entries(service).map(([name, method]) => {
      const decode = (bytes: Buffer): object => {
        try {
          return method.requestDeserialize(bytes);
        } catch (error) {
          const reason = toDnnScalerError(error).message;
          throw invalidArgument('the request', 'must be a valid message', reason);
        }
      };
      return [name, { ...method, requestDeserialize: receiving(decode) }];
    }),
  );
}

/** Handles a method that takes one message and gives one, now or later, or throws. */
export function unary<Q, A>(
  answer: (request: Q, metadata: Metadata) => A | Promise<A>,
  onFault: (fault: unknown) => void,
): handleUnaryCall<Received<Q>, A> {
  return (call, callback) => {
    void (async () => {
      try {
        const received = call.request;
        if ('fault' in received) throw received.fault;
        callback(null, await answer(received.message, call.metadata));
      } catch (error) {
        if (!isForeseen(error)) onFault(error);
        callback(failedStatus(error));
      }
    })();
  };
}
