import { DnnScalerError } from '../errors.ts';

/**
 * Deeper than any tensor may be nested: its list, its object and 32 dimensions leave room. Readers
 * that recurse are safe at this depth.
 */
export const maxJsonDepth = 64;

/** What JSON text may hold. `JSON.parse` has no bounds, and small text can make much of memory. */
export interface JsonBounds {
  /**
   * Objects and their members together. As many tensors as a message may have, with every member
   * that the protocol knows, have 15,400. Default 16,384.
   */
  readonly maxMembers: number;
  /**
   * Arrays: an empty one takes 2 bytes of text and 10 times as long to read as a number. A batch of
   * 8 images of 224x224, nested to the channels, has 403,000. Default 2^19.
   */
  readonly maxArrays: number;
  /** Bytes outside of strings. Default: any number, as the text's length is bounded elsewhere. */
  readonly maxBareBytes: number;
}

export const defaultJsonBounds: JsonBounds = {
  maxMembers: 16_384,
  maxArrays: 2 ** 19,
  maxBareBytes: Number.POSITIVE_INFINITY,
};

const quote = 0x22;
const colon = 0x3a;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/**
 * Looks through JSON text before it is read, and stops at the first thing that is too much. Whether
 * the text is JSON at all is for its reader to say, which gets no further than the first fault: what
 * is counted here beyond it does not matter.
 *
 * @throws DnnScalerError `invalid-argument` for text nested more than 64 deep, or out of bounds
 */
export function checkJsonBounds(text: Uint8Array, bounds: JsonBounds): void {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  const words = new DataView(text.buffer, text.byteOffset, text.byteLength);
  const { length } = bytes;
  let depth = 0;
  let members = 0;
  let arrays = 0;
  let stringBytes = 0;
  for (let at = 0; at < length; at += 1) {
    while (at + 4 <= length && isBare(words.getInt32(at, true))) at += 4;
    const byte = bytes[at];
    if (byte === quote) {
      const end = endOfString(bytes, at);
      stringBytes += end - at;
      at = end;
    } else if (byte === openBracket || byte === openBrace) {
      depth += 1;
      if (depth > maxJsonDepth) throw tooMuch(`is nested more than ${maxJsonDepth} deep`, at);
      if (byte === openBracket) arrays += 1;
      else members += 1;
    } else if (byte === closeBracket || byte === closeBrace) {
      depth -= 1;
    } else if (byte === colon) {
      members += 1;
    } else {
      continue;
    }
    if (arrays > bounds.maxArrays) throw tooMuch(`has over ${bounds.maxArrays} arrays`, at);
    if (members > bounds.maxMembers) {
      throw tooMuch(`has over ${bounds.maxMembers} objects and members of objects`, at);
    }
  }
  if (length - stringBytes > bounds.maxBareBytes) {
    throw tooMuch(`has over ${bounds.maxBareBytes} bytes outside of strings`, length);
  }
}

/**
 * Whether none of four bytes is a letter, a bracket, a quote or a colon: digits, commas, points, signs
 * and white space are nearly all of a tensor's text. Brackets and letters are the bytes from 0x40 on;
 * a byte that is 0 after the exclusive or is found as in "Determine if a word has a zero byte" of
 * Anderson's Bit Twiddling Hacks.
 */
function isBare(word: number): boolean {
  const quotes = word ^ 0x22222222;
  const colons = word ^ 0x3a3a3a3a;
  const found = ((quotes - 0x01010101) & ~quotes) | ((colons - 0x01010101) & ~colons);
  return ((word & 0xc0c0c0c0) | (found & 0x80808080)) === 0;
}

/** Strings up to so long are faster to look through than to search. */
const shortString = 32;

/** Index of the quote that closes the string beginning at `start`; the text's length without one. */
function endOfString(bytes: Buffer, start: number): number {
  let at = start + 1;
  for (;;) {
    const near = Math.min(at + shortString, bytes.length);
    while (at < near) {
      const byte = bytes[at];
      if (byte === quote) return at;
      at += byte === backslash ? 2 : 1;
    }
    if (at >= bytes.length) return bytes.length;
    // No character before `at` reaches beyond it, so only the backslashes after it count.
    const found = bytes.indexOf(quote, at);
    if (found < 0) return bytes.length;
    let backslashes = 0;
    while (found - backslashes > at && bytes[found - backslashes - 1] === backslash) {
      backslashes += 1;
    }
    if (backslashes % 2 === 0) return found;
    at = found + 1;
  }
}

function tooMuch(problem: string, at: number): DnnScalerError {
  return new DnnScalerError('invalid-argument', `the JSON text ${problem} at byte ${at}`);
}
