import { Metadata, status } from '@grpc/grpc-js';
import type { handleUnaryCall } from '@grpc/grpc-js';
import { DnnScalerError } from '../../errors.ts';
import type {
  DataPlane,
  InferRequest,
  InferResponse,
  RequestContext,
} from '../../oip/data-plane.ts';
import { encodeGrpcInferResponse } from '../../oip/grpc-infer-response.ts';
import { traceContextOf } from '../../oip/trace-context.ts';
import type { Intake } from './intake.ts';
import { failedStatus, isForeseen } from './status.ts';
import type { Received } from './unary.ts';

/** What inference needs of the server around it. */
export interface InferService {
  readonly plane: DataPlane;
  readonly intake: Intake;
  /** @param trace what the request said of its trace, if anything */
  readonly onFault: (fault: unknown, trace?: RequestContext) => void;
  /** Requests in work at once. */
  readonly maxConcurrentRequests: number;
  readonly maxRequestsOfStream: number;
  readonly nowMs: () => number;
  inWork: number;
}

/** Told the outcome of a request exactly once: the encoded answer, or why there is none. */
export type Outcome = (fault: unknown, answer: Buffer | undefined) => void;

/**
 * Has a request answered and its answer encoded.
 *
 * @returns call it when the client has gone
 */
export function runInference(
  service: InferService,
  received: Received<InferRequest>,
  context: RequestContext,
  encode: (response: InferResponse) => Buffer,
  outcome: Outcome,
): () => void {
  if ('fault' in received) {
    outcome(received.fault, undefined);
    return () => undefined;
  }
  if (service.inWork >= service.maxConcurrentRequests) {
    const message = `${service.maxConcurrentRequests} requests are in work already; try again later`;
    outcome(new DnnScalerError('unavailable', message), undefined);
    return () => undefined;
  }
  service.inWork += 1;
  let isOpen = true;
  const finish: Outcome = (fault, answer) => {
    if (!isOpen) return;
    isOpen = false;
    service.inWork -= 1;
    if (fault !== null && !isForeseen(fault)) service.onFault(fault, context);
    outcome(fault, answer);
  };
  try {
    return service.plane.infer(received.message, context, (error, response) => {
      try {
        if (response === undefined) throw error ?? new TypeError('neither error nor response');
        finish(null, encode(response));
      } catch (fault) {
        finish(fault, undefined);
      }
    });
  } catch (fault) {
    finish(fault, undefined);
    return () => undefined;
  }
}

/** What the data plane is told about a call. */
export function contextOf(metadata: Metadata): RequestContext {
  const [[traceparent], [tracestate]] = [metadata.get('traceparent'), metadata.get('tracestate')];
  return { transport: 'grpc', ...traceContextOf(traceparent, tracestate) };
}

/** Gives the trace context back, before the answer. */
export function answerTrace(
  call: { sendMetadata(metadata: Metadata): void },
  { traceparent, tracestate }: RequestContext,
): void {
  if (traceparent === undefined) return;
  const metadata = new Metadata();
  metadata.set('traceparent', traceparent);
  if (tracestate !== undefined) metadata.set('tracestate', tracestate);
  call.sendMetadata(metadata);
}

/** `ModelInfer`. */
export function modelInfer(service: InferService): handleUnaryCall<Received<InferRequest>, Buffer> {
  return (call, callback) => {
    const { request, metadata } = call;
    if ('message' in request) service.intake.of(metadata)?.unpacked(request.byteLength);
    const context = contextOf(metadata);
    answerTrace(call, context);
    const cancel = runInference(
      service,
      request,
      context,
      encodeGrpcInferResponse,
      (fault, answer) => {
        if (answer === undefined) callback(failedStatus(fault));
        else callback(null, answer);
      },
    );
    // Emitted also when the client's deadline has passed, and after the answer, when it does nothing.
    call.on('cancelled', cancel);
  };
}

/** The status of calls that a server ends because it stops. */
export const stoppingStatus = {
  code: status.UNAVAILABLE,
  details: 'the server is stopping; try another',
};
