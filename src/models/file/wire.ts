import { Reader, Writer } from 'protobufjs/minimal.js';

/** Wire type of fields that carry their length: messages, strings, bytes, packed numbers. */
const lengthDelimited = 2;

/** One field of a protobuf message, by where it lies. Offsets count from the start of the bytes. */
export interface WireField {
  readonly number: number;
  readonly wireType: number;
  /** Where its tag begins. */
  readonly start: number;
  /** Where its content begins: behind the tag, and behind the length if it has one. */
  readonly contentStart: number;
  /** Where the field ends. */
  readonly end: number;
}

/**
 * The fields of a message in their order, known to anyone or not.
 *
 * @throws Error or RangeError for bytes that are no protobuf message
 */
export function wireFields(message: Uint8Array): WireField[] {
  const reader = Reader.create(message);
  const fields: WireField[] = [];
  while (reader.pos < reader.len) {
    const start = reader.pos;
    const tag = reader.uint32();
    const wireType = tag & 7;
    let contentStart = reader.pos;
    if (wireType === lengthDelimited) {
      const length = reader.uint32();
      contentStart = reader.pos;
      reader.skip(length);
    } else {
      reader.skipType(wireType);
    }
    fields.push({ number: tag >>> 3, wireType, start, contentStart, end: reader.pos });
  }
  return fields;
}

/** The content of a field that has a length. */
export function contentOf(message: Uint8Array, field: WireField): Uint8Array {
  return message.subarray(field.contentStart, field.end);
}

/** Tag and length of a field with so many bytes of content. */
export function fieldHead(number: number, length: number): Uint8Array {
  return Writer.create()
    .uint32(((number << 3) | lengthDelimited) >>> 0)
    .uint32(length)
    .finish();
}

/** A whole field with a length. */
export function encodeField(number: number, content: Uint8Array): Uint8Array {
  return join([fieldHead(number, content.length), content]);
}

export function encodeText(number: number, text: string): Uint8Array {
  return encodeField(number, new TextEncoder().encode(text));
}

/**
 * The message with some of its length-delimited fields rewritten and every other byte kept.
 *
 * @param edit gets a field's number, which of that number it is (from 0) and its content, and
 *   returns the content to write instead, or null to leave the field out
 */
export function rewriteFields(
  message: Uint8Array,
  edit: (number: number, occurrence: number, content: Uint8Array) => Uint8Array | null,
): Uint8Array {
  const seen = new Map<number, number>();
  const parts: Uint8Array[] = [];
  for (const field of wireFields(message)) {
    const { number, wireType, start, end } = field;
    const occurrence = seen.get(number) ?? 0;
    seen.set(number, occurrence + 1);
    if (wireType !== lengthDelimited) {
      parts.push(message.subarray(start, end));
      continue;
    }
    const content = contentOf(message, field);
    const edited = edit(number, occurrence, content);
    if (edited === content) parts.push(message.subarray(start, end));
    else if (edited !== null) parts.push(encodeField(number, edited));
  }
  return join(parts);
}

/** The message without the fields of a number, whatever their wire type. */
export function withoutFields(message: Uint8Array, numbers: readonly number[]): Uint8Array {
  const kept = wireFields(message).filter(({ number }) => !numbers.includes(number));
  return join(kept.map(({ start, end }) => message.subarray(start, end)));
}

export function join(parts: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(parts);
}
