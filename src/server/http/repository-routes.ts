import type { FastifyRequest } from 'fastify';
import { invalidArgument } from '../../errors.ts';
import type { DataPlane, LoadOptions, RepositoryEntry } from '../../oip/data-plane.ts';
import type { JsonObject } from '../../oip/json-fields.ts';
import { asObject, optionalBoolean, optionalString } from '../../oip/json-fields.ts';
import { makeSlo } from '../../slo.ts';
import type { Slo } from '../../slo.ts';
import type { Guard } from './guard.ts';
import { modelOf } from './model-path.ts';
import type { HttpAdmin } from './options.ts';

/** `POST /v2/repository/index` with `{"ready": true}` for the ready ones only. */
export function repositoryIndex(plane: DataPlane, body: JsonObject): readonly RepositoryEntry[] {
  return plane.repositoryIndex(optionalBoolean('ready', body.ready) ?? false);
}

/**
 * `POST /v2/repository/models/M/load`; files in it need the management token.
 *
 * @throws DnnScalerError what the data plane says, and `invalid-argument` for a malformed body;
 *   HttpProblem 401 or 403 for files without the token
 */
export async function loadModel(
  plane: DataPlane,
  guard: Guard,
  request: FastifyRequest,
  body: JsonObject,
): Promise<void> {
  const options = loadOptionsFrom(body);
  if (options.files.size > 0) guard.checkToken(request.raw, 'uploading files');
  await plane.load(modelOf(request).modelName, options);
}

/** @throws DnnScalerError `invalid-argument` for unknown or malformed parameters */
function loadOptionsFrom(body: JsonObject): LoadOptions {
  const files = new Map<string, Uint8Array>();
  let config: string | undefined;
  const parameters = asObject('parameters', body.parameters ?? {});
  for (const [key, value] of Object.entries(parameters)) {
    if (key === 'config') config = optionalString('config', value);
    else if (key.startsWith('file:'))
      files.set(checkFilePath(key.slice(5)), decodeFile(key, value));
    else throw invalidArgument('parameters of load', 'must be config and file:PATH', key);
  }
  return config === undefined ? { files } : { config, files };
}

/** The path of an uploaded file, such as `1/model.onnx`, which must stay inside the model's folder. */
function checkFilePath(path: string): string {
  const parts = path.split('/');
  const isInside = parts.every((part) => part !== '' && part !== '.' && part !== '..');
  // eslint-disable-next-line no-control-regex
  if (isInside && path.length <= 1024 && !/[\\:\u0000-\u001f]/.test(path)) return path;
  throw invalidArgument(
    'the path of an uploaded file',
    "must stay inside the model's folder",
    path,
  );
}

function decodeFile(key: string, value: unknown): Uint8Array {
  if (typeof value !== 'string') throw invalidArgument(key, 'must be a base64 string', value);
  const bytes = Buffer.from(value, 'base64');
  // `Buffer` skips what is no base64; then it read less than the text holds.
  const wanted = Math.floor((value.replace(/={1,2}$/, '').length * 3) / 4);
  if (bytes.byteLength !== wanted) throw invalidArgument(key, 'must be base64', value);
  return bytes;
}

/** An objective as the admin routes show it. */
export interface SloView {
  readonly model_name: string;
  readonly percentile: number;
  readonly limit_ms: number;
}

/** `GET /v2/models/M/slo`. */
export function readSlo(admin: HttpAdmin, request: FastifyRequest): SloView {
  const { modelName } = modelOf(request);
  return sloView(modelName, admin.getSlo(modelName));
}

/** `PUT /v2/models/M/slo` with `{"limit_ms": 50}` and, to change it too, `"percentile": 0.95`. */
export async function changeSlo(
  admin: HttpAdmin,
  request: FastifyRequest,
  body: JsonObject,
): Promise<SloView> {
  const { modelName } = modelOf(request);
  const { limit_ms: limitMs, percentile = admin.getSlo(modelName).percentile } = body;
  if (typeof limitMs !== 'number') throw invalidArgument('limit_ms', 'must be a number', limitMs);
  if (typeof percentile !== 'number') {
    throw invalidArgument('percentile', 'must be a number', percentile);
  }
  await admin.setSlo(modelName, makeSlo(limitMs, percentile));
  return sloView(modelName, admin.getSlo(modelName));
}

function sloView(modelName: string, slo: Slo): SloView {
  return { model_name: modelName, percentile: slo.percentile, limit_ms: slo.limitMs };
}
