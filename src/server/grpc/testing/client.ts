import { Client, compressionAlgorithms, credentials, Metadata } from '@grpc/grpc-js';
import type { ChannelCredentials, ClientDuplexStream, ServiceError } from '@grpc/grpc-js';
import type { MethodDefinition, ServiceDefinition } from '@grpc/proto-loader';
import { systemClock } from '../../../clock.ts';
import { inferenceServiceOf, loadInferencePackage } from '../../../oip/grpc-definition.ts';

const inference = inferenceServiceOf(loadInferencePackage());

/** A message as proto-loader makes it. */
export type Message = Record<string, unknown>;

export interface CallOptions {
  readonly metadata?: Readonly<Record<string, string>>;
  readonly deadlineMs?: number;
  /** Given the means to cancel the call. */
  readonly onCall?: (call: { cancel(): void }) => void;
}

export interface ClientOptions {
  readonly channel?: ChannelCredentials;
  /** Compress requests. */
  readonly gzip?: boolean;
}

/** A client that knows the protocol from the .proto file alone. */
export class TestClient {
  readonly #client: Client;

  constructor(
    target: string,
    { channel = credentials.createInsecure(), gzip = false }: ClientOptions = {},
  ) {
    this.#client = new Client(target, channel, {
      ...(gzip ? { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip } : {}),
      'grpc.max_receive_message_length': -1,
      'grpc.max_send_message_length': -1,
      // Otherwise clients of one target share their connection.
      'grpc.use_local_subchannel_pool': 1,
    });
  }

  /** Calls a method of one request and one response; rejects with grpc-js's `ServiceError`. */
  call(method: string, request: Message = {}, options: CallOptions = {}): Promise<Message> {
    return this.callOf(inference, method, request, options);
  }

  callOf(
    service: ServiceDefinition,
    method: string,
    request: Message,
    { metadata = {}, deadlineMs, onCall }: CallOptions = {},
  ): Promise<Message> {
    const { path, requestSerialize, responseDeserialize } = methodOf(service, method);
    return new Promise((resolve, reject) => {
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize as (message: Message) => Buffer,
        responseDeserialize as (bytes: Buffer) => Message,
        request,
        toMetadata(metadata),
        deadlineMs === undefined ? {} : { deadline: systemClock.timeOfDayMs() + deadlineMs },
        (error, response) => {
          if (error === null) resolve(response as Message);
          else reject(error);
        },
      );
      onCall?.(call);
    });
  }

  /** Calls a method that the protocol may not have, with an empty message. */
  callPath(path: string): Promise<Message> {
    const method = { ...methodOf(inference, 'ServerLive'), path };
    return this.callOf({ Method: method }, 'Method', {});
  }

  stream(
    method = 'ModelStreamInfer',
    service: ServiceDefinition = inference,
    metadata: Readonly<Record<string, string>> = {},
  ): ClientDuplexStream<Message, Message> {
    const { path, requestSerialize, responseDeserialize } = methodOf(service, method);
    return this.#client.makeBidiStreamRequest(
      path,
      requestSerialize as (message: Message) => Buffer,
      responseDeserialize as (bytes: Buffer) => Message,
      toMetadata(metadata),
    );
  }

  close(): void {
    this.#client.close();
  }
}

function methodOf(service: ServiceDefinition, method: string): MethodDefinition<object, object> {
  return service[method] as MethodDefinition<object, object>;
}

function toMetadata(entries: Readonly<Record<string, string>>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(entries)) metadata.set(name, value);
  return metadata;
}

/** The code and text that a call ends with. */
export async function failure(call: Promise<unknown>): Promise<{ code: number; details: string }> {
  try {
    await call;
  } catch (error) {
    const { code, details } = error as ServiceError;
    return { code, details };
  }
  throw new Error('the call succeeded');
}

/** Everything a stream brings until it ends, and how it ended. */
export function collect(
  stream: ClientDuplexStream<Message, Message>,
): Promise<{ messages: Message[]; code: number; details: string }> {
  return new Promise((resolve) => {
    const messages: Message[] = [];
    stream.on('data', (message: Message) => messages.push(message));
    stream.on('error', () => undefined);
    stream.on('status', ({ code, details }) => resolve({ messages, code, details }));
  });
}

/** A request for a model that answers with its inputs. */
export function echoRequest(values: readonly number[], more: Message = {}): Message {
  return {
    model_name: 'echo',
    inputs: [{ name: 'x', datatype: 'FP32', shape: [1, values.length] }],
    raw_input_contents: [Buffer.from(Float32Array.from(values).buffer)],
    ...more,
  };
}

/** Waits until a condition holds. */
export async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setImmediate(resolve));
}
