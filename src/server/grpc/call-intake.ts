/** What all calls hold together. */
export interface Ledger {
  heldBytes: number;
  readonly maxBytes: number;
}

export interface CallKind {
  /** Whether the client may send any number of messages, each answered on its own. */
  readonly isStream: boolean;
  /** Whether its messages may be compressed. */
  readonly isCompressed: boolean;
}

/** What one call holds of the server's memory, from its first byte to its end. */
export class CallIntake {
  readonly #ledger: Ledger;
  readonly #kind: CallKind;
  #heldBytes = 0;
  /** Requests of a stream that have arrived whole and have not been answered. */
  #inWork = 0;
  /** When the message that is arriving began to. */
  #sinceMs: number;
  #hasEnded = false;
  #unsentBytes = 0;
  #unsentSinceMs: number;

  constructor(ledger: Ledger, kind: CallKind, nowMs: number) {
    this.#ledger = ledger;
    this.#kind = kind;
    this.#sinceMs = nowMs;
    this.#unsentSinceMs = nowMs;
  }

  /**
   * Notes bytes that have come. Compressed, a few may unpack to as many as a message can have, so
   * such a call holds `maxMessageBytes` from the first on.
   *
   * @returns whether there was room for them; without room they are not held
   */
  receive(bytes: number, maxMessageBytes: number, nowMs: number): boolean {
    const isFirst = this.#heldBytes === 0;
    if (isFirst && this.#kind.isStream) this.#sinceMs = nowMs;
    if (!this.#kind.isCompressed) return this.#hold(bytes);
    return isFirst ? this.#hold(maxMessageBytes) : true;
  }

  /** Notes that the client has sent all it will. */
  end(): void {
    this.#hasEnded = true;
  }

  /** Notes how long the only message of a call is, once unpacked. */
  unpacked(byteLength: number): void {
    if (this.#kind.isCompressed) this.#release(this.#heldBytes - byteLength);
  }

  /** Notes that a request of a stream has arrived. */
  began(): void {
    this.#inWork += 1;
  }

  /** Notes that a request of a stream, which came in so many bytes, has been answered. */
  answered(bytes: number, nowMs: number): void {
    this.#inWork -= 1;
    this.#sinceMs = nowMs;
    // A compressed stream keeps its share while it is busy: the next message may need all of it.
    if (!this.#kind.isCompressed) this.#release(bytes);
    else if (this.#inWork === 0) this.releaseAll();
  }

  releaseAll(): void {
    this.#release(this.#heldBytes);
  }

  /** Whether it waits for the rest of a message that began to arrive before then. */
  isArrivingSince(thenMs: number): boolean {
    if (this.#hasEnded || this.#sinceMs >= thenMs) return false;
    return !this.#kind.isStream || (this.#heldBytes > 0 && this.#inWork === 0);
  }

  /**
   * Notes how much of the answers the client has yet to take.
   *
   * @returns whether nothing has changed about that for so long
   */
  isUnread(unsentBytes: number, limitMs: number, nowMs: number): boolean {
    if (unsentBytes === 0 || unsentBytes !== this.#unsentBytes) {
      this.#unsentBytes = unsentBytes;
      this.#unsentSinceMs = nowMs;
    }
    return nowMs - this.#unsentSinceMs >= limitMs;
  }

  #hold(bytes: number): boolean {
    if (this.#ledger.heldBytes + bytes > this.#ledger.maxBytes) return false;
    this.#heldBytes += bytes;
    this.#ledger.heldBytes += bytes;
    return true;
  }

  #release(bytes: number): void {
    const released = Math.max(0, Math.min(bytes, this.#heldBytes));
    this.#heldBytes -= released;
    this.#ledger.heldBytes -= released;
  }
}
