import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * The requests whose headers have arrived and whose answers have not been sent.
 *
 * A client may send several requests on one connection before the first is answered. When it
 * leaves, Node emits `close` on the response that is first in line only; here the others get
 * theirs, so that whoever listens can let go of what it holds.
 */
export class OpenRequests {
  readonly #requests = new Set<IncomingMessage>();
  readonly #responsesOf = new WeakMap<Socket, Set<ServerResponse>>();

  get count(): number {
    return this.#requests.size;
  }

  /** @param onClose called once, when it was answered or its connection is gone */
  add(request: IncomingMessage, response: ServerResponse, onClose: () => void): void {
    const responses = this.#responsesOf.get(request.socket) ?? this.#watch(request.socket);
    this.#requests.add(request);
    responses.add(response);
    response.once('close', () => {
      this.#requests.delete(request);
      responses.delete(response);
      onClose();
    });
  }

  /** Closes the connections of requests whose bodies have not arrived whole. */
  dropIncomplete(): void {
    for (const request of this.#requests) if (!request.complete) request.socket.destroy();
  }

  #watch(socket: Socket): Set<ServerResponse> {
    const responses = new Set<ServerResponse>();
    this.#responsesOf.set(socket, responses);
    socket.once('close', () => {
      for (const response of responses) if (response.socket === null) response.emit('close');
    });
    return responses;
  }
}
