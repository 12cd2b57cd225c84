import type { Random } from '../../../random.ts';

/** Numbers that break arithmetic, sizes and parsers. */
const oddNumbers = [
  '0',
  '-1',
  '1e9',
  '4294967296',
  '9007199254740993',
  '18446744073709551616',
  '1e400',
  '-0',
  'NaN',
  '0.5',
  '',
  '00',
];

const oddPieces = [
  '\r\n',
  '\r\n\r\n',
  '\u0000',
  '"',
  '\\',
  '{',
  '}',
  '[',
  ']',
  '[[[[[[[[',
  ',',
  ':',
  '%2e%2e%2f',
  '/../',
  '\ud83d\ude00',
  '\\ud800',
  'transfer-encoding: chunked\r\n',
  'content-encoding: gzip\r\n',
  'expect: 100-continue\r\n',
  '"__proto__":{"a":1},',
  '"binary_data_size":8',
  'null',
  'true',
];

type Mutation = (bytes: Buffer, random: Random) => Buffer;

const mutations: readonly Mutation[] = [
  (bytes, random) => bytes.subarray(0, random.integer(bytes.length + 1)),
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    copy[random.integer(copy.length)] = random.integer(256);
    return copy;
  },
  (bytes, random) => {
    const copy = Buffer.from(bytes);
    const at = random.integer(copy.length);
    copy[at] = (copy[at] ?? 0) ^ (1 << random.integer(8));
    return copy;
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  (bytes, random) => {
    const [from, to] = range(bytes, random);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  (bytes, random) => {
    const at = random.integer(bytes.length + 1);
    return Buffer.concat([
      bytes.subarray(0, at),
      Buffer.from(pick(oddPieces, random)),
      bytes.subarray(at),
    ]);
  },
  (bytes, random) => {
    const text = bytes.toString('latin1');
    const numbers = [...text.matchAll(/\d+/g)];
    const chosen = numbers[random.integer(numbers.length)];
    if (chosen === undefined) return bytes;
    const rest = text.slice(chosen.index + chosen[0].length);
    return Buffer.from(text.slice(0, chosen.index) + pick(oddNumbers, random) + rest, 'latin1');
  },
];

/** A copy with one to four random faults. */
export function mutate(bytes: Buffer, random: Random): Buffer {
  let mutated = bytes;
  for (let left = 1 + random.integer(4); left > 0 && mutated.length > 0; left -= 1) {
    mutated = pick(mutations, random)(mutated, random);
  }
  return mutated;
}

export function pick<T>(values: readonly T[], random: Random): T {
  return values[random.integer(values.length)] as T;
}

function range(bytes: Buffer, random: Random): [number, number] {
  const from = random.integer(bytes.length);
  return [from, Math.min(bytes.length, from + 1 + random.integer(40))];
}
