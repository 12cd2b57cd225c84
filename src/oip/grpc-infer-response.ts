import { Writer } from 'protobufjs/light.js';
import type { InferResponse } from './data-plane.ts';
import { writeParameters } from './grpc-parameters.ts';
import { fieldTag, wireType } from './grpc-wire.ts';
import type { WireTensor } from './tensor.ts';
import { bytesFromData } from './wire-bytes.ts';

const { lengthDelimited } = wireType;

const modelName = fieldTag(1, lengthDelimited);
const modelVersion = fieldTag(2, lengthDelimited);
const responseId = fieldTag(3, lengthDelimited);
const parametersField = 4;
const responseOutputs = fieldTag(5, lengthDelimited);
const rawOutputContents = fieldTag(6, lengthDelimited);

const tensorName = fieldTag(1, lengthDelimited);
const tensorDatatype = fieldTag(2, lengthDelimited);
const tensorShape = fieldTag(3, lengthDelimited);

const streamError = fieldTag(1, lengthDelimited);
const streamResponse = fieldTag(2, lengthDelimited);

/**
 * Writes a `ModelInferResponse`, its tensors in `raw_output_contents`: each is copied once, into a
 * buffer of the exact size.
 */
export function encodeGrpcInferResponse(response: InferResponse): Buffer {
  return joinPieces(responsePieces(response));
}

/** Writes a `ModelStreamInferResponse` that answers a request. */
export function encodeGrpcStreamResponse(response: InferResponse): Buffer {
  const pieces = responsePieces(response);
  return joinPieces([lengthPiece(streamResponse, byteLengthOf(pieces)), ...pieces]);
}

/** Writes a `ModelStreamInferResponse` for a request that failed, with its `id` to tell which. */
export function encodeGrpcStreamError(message: string, id: string | undefined): Buffer {
  const writer = Writer.create().uint32(streamError).string(message);
  if (id !== undefined) {
    writer.uint32(streamResponse).fork().uint32(responseId).string(id).ldelim();
  }
  return Buffer.from(writer.finish());
}

function responsePieces(response: InferResponse): Uint8Array[] {
  const head = Writer.create();
  head.uint32(modelName).string(response.modelName);
  if (response.modelVersion !== '') head.uint32(modelVersion).string(response.modelVersion);
  if (response.id !== undefined) head.uint32(responseId).string(response.id);
  if (response.parameters !== undefined) {
    writeParameters(head, parametersField, response.parameters);
  }
  for (const output of response.outputs) writeOutputHead(head, output);
  const pieces: Uint8Array[] = [head.finish()];
  for (const { data } of response.outputs) {
    const bytes = bytesFromData(data);
    pieces.push(lengthPiece(rawOutputContents, bytes.byteLength), bytes);
  }
  return pieces;
}

function writeOutputHead(writer: Writer, { name, datatype, shape }: WireTensor): void {
  writer.uint32(responseOutputs).fork();
  writer.uint32(tensorName).string(name).uint32(tensorDatatype).string(datatype);
  if (shape.length > 0) {
    writer.uint32(tensorShape).fork();
    for (const dim of shape) writer.int64(dim);
    writer.ldelim();
  }
  writer.ldelim();
}

/** What stands before a length-delimited value. */
function lengthPiece(tag: number, byteLength: number): Uint8Array {
  return Writer.create().uint32(tag).uint32(byteLength).finish();
}

function byteLengthOf(pieces: readonly Uint8Array[]): number {
  return pieces.reduce((sum, piece) => sum + piece.byteLength, 0);
}

function joinPieces(pieces: readonly Uint8Array[]): Buffer {
  const message = Buffer.allocUnsafe(byteLengthOf(pieces));
  let at = 0;
  for (const piece of pieces) {
    message.set(piece, at);
    at += piece.byteLength;
  }
  return message;
}
