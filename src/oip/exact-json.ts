import { DnnScalerError } from '../errors.ts';
import { maxJsonDepth } from './json-bounds.ts';

const quote = 0x22;
const plus = 0x2b;
const comma = 0x2c;
const minus = 0x2d;
const point = 0x2e;
const zero = 0x30;
const nine = 0x39;
const colon = 0x3a;
const openBracket = 0x5b;
const closeBracket = 0x5d;
const letterE = 0x65;
const openBrace = 0x7b;
const closeBrace = 0x7d;
/** Set in lower-case letters. */
const lowerCase = 0x20;

/** Integers of so many digits are all below 2^53. */
const surelySafeDigits = 15;

/** Characters of a string that must be unescaped or refused. */
// eslint-disable-next-line no-control-regex
const notPlain = /[\\\u0000-\u001f]/;

/** What is not in JSON, but what Python's `json` and Triton write for these numbers. */
const words: readonly (readonly [string, unknown])[] = [
  ['true', true],
  ['false', false],
  ['null', null],
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
];

/**
 * Reads JSON without losing digits: integers beyond 2^53 come as bigint. `NaN`, `Infinity` and
 * `-Infinity` are read as numbers. About four times slower than `JSON.parse`.
 *
 * @throws DnnScalerError `invalid-argument` for text that is no JSON, is nested more than 64 deep,
 *   or has a number beyond the range of a double
 */
export function parseExactJson(text: string): unknown {
  const reader = new Reader(text);
  const value = reader.value(0);
  reader.end();
  return value;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): unknown {
    if (depth > maxJsonDepth) throw this.#error(`is nested more than ${maxJsonDepth} deep`);
    this.#skipSpace();
    const first = this.#text.charCodeAt(this.#at);
    if (first <= nine) return first === quote ? this.#string() : (this.#number() ?? this.#word());
    if (first === openBracket) return this.#array(depth);
    if (first === openBrace) return this.#object(depth);
    return this.#word();
  }

  end(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#error('has text after its end');
  }

  #object(depth: number): unknown {
    const entries: [string, unknown][] = [];
    this.#at += 1;
    if (this.#takeIf(closeBrace)) return {};
    do {
      this.#skipSpace();
      const key = this.#string();
      if (!this.#takeIf(colon)) throw this.#error("lacks a ':'");
      entries.push([key, this.value(depth + 1)]);
    } while (this.#takeIf(comma));
    if (!this.#takeIf(closeBrace)) throw this.#error("lacks a ',' or '}'");
    return Object.fromEntries(entries);
  }

  #array(depth: number): unknown {
    const elements: unknown[] = [];
    this.#at += 1;
    if (this.#takeIf(closeBracket)) return elements;
    do {
      elements.push(this.value(depth + 1));
    } while (this.#takeIf(comma));
    if (!this.#takeIf(closeBracket)) throw this.#error("lacks a ',' or ']'");
    return elements;
  }

  #string(): string {
    const start = this.#at;
    if (this.#text[start] !== '"') throw this.#error('lacks a string');
    let end = start;
    do {
      end = this.#text.indexOf('"', end + 1);
      if (end < 0) throw this.#error('has an unfinished string');
    } while (this.#isEscaped(end));
    this.#at = end + 1;
    const inner = this.#text.slice(start + 1, end);
    if (!notPlain.test(inner)) return inner;
    try {
      return JSON.parse(`"${inner}"`) as string;
    } catch {
      throw this.#error('has a string with an invalid character or escape, ending');
    }
  }

  /** Whether an odd number of backslashes stands before the character. */
  #isEscaped(at: number): boolean {
    let before = at - 1;
    while (this.#text[before] === '\\') before -= 1;
    return (at - before) % 2 === 0;
  }

  #word(): unknown {
    for (const [word, value] of words) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    throw this.#error('has something unexpected');
  }

  /** Undefined when there is none. */
  #number(): number | bigint | undefined {
    const text = this.#text;
    const start = this.#at;
    const isNegative = text.charCodeAt(start) === minus;
    const first = isNegative ? start + 1 : start;
    const integerEnd = text.charCodeAt(first) === zero ? first + 1 : this.#digitsEnd(first);
    if (integerEnd === first) return undefined;
    const end = this.#exponentEnd(this.#fractionEnd(integerEnd));
    this.#at = end;
    if (end === integerEnd && end - first <= surelySafeDigits) {
      const value = this.#digits(first, end);
      return isNegative ? -value : value;
    }
    const literal = text.slice(start, end);
    const value = Number(literal);
    if (!Number.isFinite(value)) throw this.#error('has a number out of range, ending');
    return end === integerEnd && !Number.isSafeInteger(value) ? BigInt(literal) : value;
  }

  /** What digits stand for, as long as that is a safe integer: a third of the time of `Number`. */
  #digits(from: number, to: number): number {
    let value = 0;
    for (let at = from; at < to; at += 1) value = 10 * value + (this.#text.charCodeAt(at) - zero);
    return value;
  }

  /** Index after the fraction at `at`; a point without digits is none. */
  #fractionEnd(at: number): number {
    if (this.#text.charCodeAt(at) !== point) return at;
    const end = this.#digitsEnd(at + 1);
    return end > at + 1 ? end : at;
  }

  /** Index after the exponent at `at`; a letter without digits is none. */
  #exponentEnd(at: number): number {
    if ((this.#text.charCodeAt(at) | lowerCase) !== letterE) return at;
    const sign = this.#text.charCodeAt(at + 1);
    const digits = sign === plus || sign === minus ? at + 2 : at + 1;
    const end = this.#digitsEnd(digits);
    return end > digits ? end : at;
  }

  /** Index after the digits that begin at `at`. */
  #digitsEnd(at: number): number {
    let end = at;
    for (;;) {
      const code = this.#text.charCodeAt(end);
      if (!(code >= zero && code <= nine)) return end;
      end += 1;
    }
  }

  #takeIf(character: number): boolean {
    this.#skipSpace();
    if (this.#text.charCodeAt(this.#at) !== character) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    while (isSpace(this.#text.charCodeAt(this.#at))) this.#at += 1;
  }

  #error(problem: string): DnnScalerError {
    const message = `the JSON text ${problem} at character ${this.#at}`;
    return new DnnScalerError('invalid-argument', message);
  }
}

function isSpace(code: number): boolean {
  return code <= 0x20 && (code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09);
}
