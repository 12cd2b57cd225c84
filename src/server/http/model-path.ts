import type { FastifyRequest } from 'fastify';
import { checkModelName } from '../../oip/wire-limits.ts';

/**
 * The model that a request's path names.
 *
 * @returns version '' when the path names none
 * @throws DnnScalerError `invalid-argument` for a name that no model may have
 */
export function modelOf(request: FastifyRequest): { modelName: string; modelVersion: string } {
  const { model = '', version = '' } = request.params as { model?: string; version?: string };
  return { modelName: checkModelName(model), modelVersion: version };
}
