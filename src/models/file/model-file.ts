import { readFile, stat } from 'node:fs/promises';
import { DnnScalerError, invalidArgument, toDnnScalerError } from '../../errors.ts';
import type { GraphProto, ModelProto, NodeProto } from '../../zoo/onnx/proto.ts';
import { decodeModel } from '../../zoo/onnx/read.ts';

/** Protocol buffers, and so ONNX files, end at 2 GiB; larger weights lie in files beside them. */
const maxBytes = 0x7fff_ffff;

/** An ONNX file that someone else wrote, as its bytes and as what we understand of them. */
export interface ModelFile {
  readonly path: string;
  readonly bytes: Uint8Array;
  /** Decoded; what we do not know of is only in the bytes. Raw weights share their memory. */
  readonly model: ModelProto & { readonly graph: GraphProto };
}

/**
 * Reads an ONNX file.
 *
 * @throws DnnScalerError `not-found` without a file; `invalid-argument` for one that is no whole
 *   ONNX model; `unsupported` for one of 2 GiB or more, which cannot be one
 */
export async function readModelFile(path: string): Promise<ModelFile> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) {
    throw new DnnScalerError('not-found', `there is no model file at ${path}`);
  }
  if (!found.isFile()) throw invalidArgument('the model', 'must be a file', path);
  if (found.size > maxBytes) {
    const message = `${path} has ${found.size} bytes, and an ONNX file ends at 2 GiB`;
    throw new DnnScalerError('unsupported', message);
  }
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (thrown) {
    throw toDnnScalerError(thrown, 'invalid-argument');
  }
  return { path, bytes, model: decodeModel(bytes, path) };
}

/** The version of ONNX's own operators that the model uses; 0 when it does not say. */
export function opsetOf({ model }: Pick<ModelFile, 'model'>): number {
  const own = model.opset_import.find(({ domain }) => isOwnDomain(domain));
  return own?.version ?? 0;
}

/** Whether operators of this domain are ONNX's own. */
export function isOwnDomain(domain: string | undefined): boolean {
  return domain === undefined || domain === '' || domain === 'ai.onnx';
}

/** A node for people: its name, or what it gives when it has none. */
export function nameOf({ name, op_type: opType, output }: NodeProto): string {
  if (name !== undefined && name !== '') return name;
  return `the ${opType} that gives ${output[0] ?? 'nothing'}`;
}
