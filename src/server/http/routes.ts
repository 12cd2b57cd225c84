import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { DataPlane } from '../../oip/data-plane.ts';
import type { JsonObject } from '../../oip/json-fields.ts';
import { defaultJsonBounds } from '../../oip/json-bounds.ts';
import { asObject, decodeJson } from '../../oip/json-fields.ts';
import { RequestHeads } from '../../oip/request-heads.ts';
import type { Admission } from './admission.ts';
import type { Answering } from './answer.ts';
import { answer, answerError, answerJson } from './answer.ts';
import type { Guard } from './guard.ts';
import { inferHandler } from './infer-route.ts';
import { modelOf } from './model-path.ts';
import type { HttpSettings } from './options.ts';
import { readBody } from './read-body.ts';
import { changeSlo, loadModel, readSlo, repositoryIndex } from './repository-routes.ts';
import { HttpProblem } from './status.ts';

export interface RouteParts {
  readonly plane: DataPlane;
  readonly settings: HttpSettings;
  readonly guard: Guard;
  /** Of inference requests. */
  readonly admission: Admission;
  /** Of all others that have a body. */
  readonly management: Admission;
  readonly answering: Answering;
}

type Method = 'GET' | 'POST' | 'PUT';
type Handler = (request: FastifyRequest, reply: FastifyReply) => void | Promise<void>;
/** By path, what its methods do. */
type RouteTable = Readonly<Record<string, Partial<Record<Method, Handler>>>>;

/** Adds every route, and answers to methods that a path does not have and to unknown paths. */
export function addRoutes(app: FastifyInstance, parts: RouteParts): void {
  const table = { ...serverRoutes(parts), ...modelRoutes(parts), ...repositoryRoutes(parts) };
  const paths = Object.entries(table).map(([url, handlers]) => {
    const methods = Object.keys(handlers) as Method[];
    for (const method of methods) app.route({ method, url, handler: handlers[method] as Handler });
    // Fastify answers HEAD wherever it answers GET.
    const allow = methods.flatMap((method) => (method === 'GET' ? ['GET', 'HEAD'] : [method]));
    return { pattern: pathPattern(url), allow: allow.join(', ') };
  });
  app.setNotFoundHandler((request) => {
    const path = request.raw.url?.replace(/[?#].*$/s, '') ?? '';
    const known = paths.find(({ pattern }) => pattern.test(path));
    if (known === undefined) throw new HttpProblem(404, `no such path: ${path}`);
    const { allow } = known;
    throw new HttpProblem(405, `method must be ${allow}; received ${request.method}`, { allow });
  });
}

/** What a path of the table stands for: `:model` for any one segment, `:version` for digits. */
function pathPattern(url: string): RegExp {
  const source = url.replace(/:version\(.*?\)/, '\\d+').replace(/:\w+/g, '[^/]+');
  return new RegExp(`^${source}$`);
}

function serverRoutes({ plane, settings, answering }: RouteParts): RouteTable {
  const { metrics } = settings;
  return {
    '/v2': { GET: (_, reply) => answerJson(answering, reply, plane.serverMetadata()) },
    '/v2/health/live': {
      GET: (_, reply) => {
        const live = plane.isLive();
        answerJson(answering, reply, { live }, healthStatus(live));
      },
    },
    '/v2/health/ready': {
      GET: (_, reply) => {
        const ready = plane.isReady();
        answerJson(answering, reply, { ready }, healthStatus(ready));
      },
    },
    '/v2/models/stats': {
      GET: (_, reply) => answerJson(answering, reply, { model_stats: plane.statistics('', '') }),
    },
    ...(metrics !== undefined && {
      '/metrics': {
        GET: async (_, reply) => {
          const { contentType, body } = await metrics();
          const headers = { 'content-type': contentType };
          answer(answering, reply, { status: 200, headers, parts: [Buffer.from(body)] });
        },
      },
    }),
  };
}

/** Of Triton's protocol. */
function healthStatus(isHealthy: boolean): number {
  return isHealthy ? 200 : 400;
}

function modelRoutes(parts: RouteParts): RouteTable {
  const { plane, settings, admission, answering } = parts;
  const infer = inferHandler(plane, {
    answering,
    admission,
    maxBodyBytes: settings.limits.maxBodyBytes,
    wireLimits: settings.wireLimits,
    heads: new RequestHeads(),
  });
  const get =
    (read: (name: string, version: string) => unknown): Handler =>
    (request, reply) => {
      const { modelName, modelVersion } = modelOf(request);
      answerJson(answering, reply, read(modelName, modelVersion));
    };
  const ready: Handler = (request, reply) => {
    const { modelName, modelVersion } = modelOf(request);
    const isReady = plane.isModelReady(modelName, modelVersion);
    answerJson(answering, reply, { name: modelName, ready: isReady }, healthStatus(isReady));
  };
  const table: Record<string, RouteTable[string]> = {};
  for (const base of ['/v2/models/:model', '/v2/models/:model/versions/:version(^\\d+$)']) {
    table[base] = { GET: get((name, version) => plane.modelMetadata(name, version)) };
    table[`${base}/ready`] = { GET: ready };
    table[`${base}/config`] = { GET: get((name, version) => plane.modelConfig(name, version)) };
    table[`${base}/stats`] = {
      GET: get((name, version) => ({ model_stats: plane.statistics(name, version) })),
    };
    table[`${base}/infer`] = { POST: infer };
  }
  return table;
}

function repositoryRoutes(parts: RouteParts): RouteTable {
  const { plane, settings, guard, answering } = parts;
  const { admin } = settings;
  const index: Handler = async (request, reply) => {
    answerJson(answering, reply, repositoryIndex(plane, await readJson(parts, request, reply)));
  };
  const load: Handler = async (request, reply) => {
    guard.checkChange(request.raw);
    const body = await readJson(parts, request, reply, settings.limits.maxBodyBytes);
    await loadModel(plane, guard, request, body);
    answer(answering, reply, { status: 200 });
  };
  const unload: Handler = async (request, reply) => {
    guard.checkChange(request.raw);
    await readJson(parts, request, reply);
    await plane.unload(modelOf(request).modelName);
    answer(answering, reply, { status: 200 });
  };
  const table: Record<string, RouteTable[string]> = {};
  // The second form names one of several repositories; here there is one, whatever its name.
  for (const base of ['/v2/repository', '/v2/repository/:repository']) {
    table[`${base}/index`] = { POST: index };
    table[`${base}/models/:model/load`] = { POST: load };
    table[`${base}/models/:model/unload`] = { POST: unload };
  }
  if (admin !== undefined) {
    table['/v2/models/:model/slo'] = {
      GET: (request, reply) => answerJson(answering, reply, readSlo(admin, request)),
      PUT: async (request, reply) => {
        guard.checkChange(request.raw);
        const body = await readJson(parts, request, reply);
        answerJson(answering, reply, await changeSlo(admin, request, body));
      },
    };
  }
  return table;
}

/** Enough for every body but one with uploaded files. */
const smallBodyBytes = 64 * 2 ** 10;

/** Uploaded files are strings. */
const managementBounds = { ...defaultJsonBounds, maxBareBytes: smallBodyBytes };

/** The JSON object that is a request's body; an empty one when there is none. */
async function readJson(
  { settings, management }: RouteParts,
  request: FastifyRequest,
  reply: FastifyReply,
  maxBytes = smallBodyBytes,
): Promise<JsonObject> {
  const admitted = management.enter();
  reply.raw.once('close', admitted.leave);
  const atMost = Math.min(maxBytes, settings.limits.maxBodyBytes);
  const reading = { ...admitted, maxBytes: atMost, alignAt: 0 };
  const body = await new Promise<Uint8Array>((resolve, reject) => {
    readBody(request.raw, reading, (error, bytes) => {
      if (error === null) resolve(bytes);
      else reject(error);
    });
  });
  if (body.byteLength === 0) return {};
  return decodeJson(body, (json) => asObject('the body', json), managementBounds);
}

/** For errors that handlers throw and for those of the router itself. */
export function handleError(
  answering: Answering,
): (error: unknown, request: FastifyRequest, reply: FastifyReply) => void {
  return (error, request, reply) => answerError(answering, request, reply, error);
}
