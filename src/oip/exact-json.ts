import { DnnScalerError } from '../errors.ts';

/** Deeper than any tensor may be nested. */
const maxDepth = 64;

const numberPattern = /-?(?:0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const spacePattern = /[ \t\n\r]*/y;

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
 * `-Infinity` are read as numbers. About ten times slower than `JSON.parse`.
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
    if (depth > maxDepth) throw this.#error(`is nested more than ${maxDepth} deep`);
    this.#skipSpace();
    const first = this.#text[this.#at];
    if (first === '{') return this.#object(depth);
    if (first === '[') return this.#array(depth);
    if (first === '"') return this.#string();
    return this.#number() ?? this.#word();
  }

  end(): void {
    this.#skipSpace();
    if (this.#at < this.#text.length) throw this.#error('has text after its end');
  }

  #object(depth: number): unknown {
    const entries: [string, unknown][] = [];
    this.#at += 1;
    if (this.#takeIf('}')) return {};
    do {
      this.#skipSpace();
      const key = this.#string();
      if (!this.#takeIf(':')) throw this.#error("lacks a ':'");
      entries.push([key, this.value(depth + 1)]);
    } while (this.#takeIf(','));
    if (!this.#takeIf('}')) throw this.#error("lacks a ',' or '}'");
    return Object.fromEntries(entries);
  }

  #array(depth: number): unknown {
    const elements: unknown[] = [];
    this.#at += 1;
    if (this.#takeIf(']')) return elements;
    do {
      elements.push(this.value(depth + 1));
    } while (this.#takeIf(','));
    if (!this.#takeIf(']')) throw this.#error("lacks a ',' or ']'");
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
    try {
      return JSON.parse(this.#text.slice(start, end + 1)) as string;
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
    const match = this.#match(numberPattern);
    if (match === null) return undefined;
    const [literal, fraction, exponent] = match;
    const value = Number(literal);
    if (!Number.isFinite(value)) throw this.#error('has a number out of range, ending');
    const isInteger = fraction === undefined && exponent === undefined;
    return isInteger && !Number.isSafeInteger(value) ? BigInt(literal) : value;
  }

  #takeIf(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at += 1;
    return true;
  }

  #skipSpace(): void {
    // Nothing below a space's code is anything but white space or an error.
    if (this.#text.charCodeAt(this.#at) <= 0x20) this.#match(spacePattern);
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match !== null) this.#at = pattern.lastIndex;
    return match;
  }

  #error(problem: string): DnnScalerError {
    const message = `the JSON text ${problem} at character ${this.#at}`;
    return new DnnScalerError('invalid-argument', message);
  }
}
