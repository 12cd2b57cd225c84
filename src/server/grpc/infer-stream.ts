import type { ServerDuplexStream } from '@grpc/grpc-js';
import type { InferRequest, RequestContext } from '../../oip/data-plane.ts';
import { encodeGrpcStreamError, encodeGrpcStreamResponse } from '../../oip/grpc-infer-response.ts';
import type { CallIntake } from './call-intake.ts';
import type { InferService } from './infer.ts';
import { answerTrace, contextOf, runInference, stoppingStatus } from './infer.ts';
import type { OpenStreams } from './open-streams.ts';
import { failedStatus } from './status.ts';
import type { Received } from './unary.ts';

type InferCall = ServerDuplexStream<Received<InferRequest>, Buffer>;

/** Bytes that gRPC puts before each message. */
const frameBytes = 5;

/** One request of a stream, from its arrival until its answer has been handed on. */
interface Slot {
  readonly bytes: number;
  answer: Buffer | undefined;
  cancel: () => void;
}

/** `ModelStreamInfer`. */
export function modelStreamInfer(
  service: InferService,
  streams: OpenStreams,
): (call: InferCall) => void {
  return (call) => {
    const stream = new InferStream(call, service);
    streams.add(call, () => stream.stop());
  };
}

/**
 * A stream of requests, answered in their order, each with a response or an error of its own. Reads
 * on only while the client takes what it is answered.
 */
class InferStream {
  readonly #call: InferCall;
  readonly #service: InferService;
  readonly #context: RequestContext;
  readonly #intake: CallIntake | undefined;
  /** In the order of the requests. */
  readonly #slots: Slot[] = [];
  #isBlocked = false;
  #hasEnded = false;
  #isStopping = false;
  #isOver = false;

  constructor(call: InferCall, service: InferService) {
    this.#call = call;
    this.#service = service;
    this.#context = contextOf(call.metadata);
    answerTrace(call, this.#context);
    this.#intake = service.intake.of(call.metadata);
    call.on('data', (received: Received<InferRequest>) => this.#accept(received));
    call.on('end', () => {
      this.#hasEnded = true;
      this.#settle();
    });
    call.on('drain', () => {
      this.#isBlocked = false;
      this.#settle();
    });
    call.on('cancelled', () => this.#abandon());
  }

  /** Answers what has been accepted, and ends the call. */
  stop(): void {
    this.#isStopping = true;
    this.#settle();
  }

  #accept(received: Received<InferRequest>): void {
    if (this.#isOver || this.#isStopping) return;
    const bytes = 'message' in received ? received.byteLength + frameBytes : 0;
    const id = 'message' in received ? received.message.id : undefined;
    const slot: Slot = { bytes, answer: undefined, cancel: () => undefined };
    this.#slots.push(slot);
    this.#intake?.began();
    slot.cancel = runInference(
      this.#service,
      received,
      this.#context,
      encodeGrpcStreamResponse,
      (fault, answer) => {
        slot.answer = answer ?? encodeGrpcStreamError(failedStatus(fault).details, id);
        this.#settle();
      },
    );
    this.#settle();
  }

  /** Hands on the answers that are due, and reads on, waits or ends. */
  #settle(): void {
    if (this.#isOver) return;
    const slots = this.#slots;
    while (!this.#isBlocked && slots[0]?.answer !== undefined) {
      this.#isBlocked = !this.#call.write(slots[0].answer);
      this.#intake?.answered(slots[0].bytes, this.#service.nowMs());
      slots.shift();
    }
    const isFull = slots.length >= this.#service.maxRequestsOfStream;
    if (slots.length === 0 && (this.#hasEnded || this.#isStopping)) this.#end();
    else if (this.#isStopping || this.#isBlocked || isFull) this.#call.pause();
    else if (this.#call.isPaused()) this.#call.resume();
  }

  #end(): void {
    this.#isOver = true;
    if (this.#hasEnded) this.#call.end();
    else this.#call.emit('error', stoppingStatus);
  }

  #abandon(): void {
    this.#isOver = true;
    for (const { cancel } of this.#slots.splice(0)) cancel();
  }
}
