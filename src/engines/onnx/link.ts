import type { FromInstance, Payload, ToInstance } from './protocol.ts';

/** The engine's end of the connection to one instance, whatever keeps the two apart. */
export interface Link {
  /** Process identifier of an instance that has one. */
  readonly pid: number | undefined;
  /**
   * Sends a message. The payload's buffer belongs to the link until it is handed back; pieces, which
   * links to processes take, have to stay as they are until the message is answered.
   */
  post(message: ToInstance, payload?: Payload): void;
  /**
   * Ends the instance at once, whatever it is doing, if that can be done. If not, leaves it to
   * itself: it no longer keeps this process alive.
   *
   * @returns whether it could be ended
   */
  giveUp(): boolean;
}

export interface LinkListener {
  /**
   * @param payload the bytes that came with the message; the listener's to keep
   * @param returned the buffer of the payload that this message answers, free to be used again
   */
  onMessage(
    message: FromInstance,
    payload: ArrayBuffer | undefined,
    returned: ArrayBuffer | undefined,
  ): void;
  /** The instance has ended, expected or not. Called once; nothing follows. */
  onGone(how: string): void;
}

/** Starts a thread or process; callbacks come later, never from within the call. */
export type OpenLink = (listener: LinkListener) => Link;
