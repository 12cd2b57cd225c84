import { toDnnScalerError } from '../../errors.ts';
import type { ModelReference, OipHttpClient } from '../../oip/client/http-client.ts';
import { inferPath } from '../../oip/client/http-client.ts';
import { errorFromAnswer } from '../../oip/client/http-errors.ts';
import type { HttpOutcome } from '../../oip/client/http-exchange.ts';
import type { InferMessage } from '../../oip/client/infer-messages.ts';
import { fromInferAnswer } from '../../oip/client/infer-messages.ts';
import type { LoadOutcome, LoadTarget } from './load-target.ts';

/** A model behind the Open Inference Protocol's HTTP form, as a target of load. */
export function inferTarget(
  client: OipHttpClient,
  model: ModelReference,
): LoadTarget<InferMessage> {
  const path = inferPath(model);
  return {
    send: ({ body, headers }, done) =>
      client.send({ method: 'POST', path, headers, body }, (outcome) => {
        done(judge(outcome));
      }),
  };
}

/** Only a whole and valid response counts as an answer. */
function judge(outcome: HttpOutcome): LoadOutcome {
  if (outcome.kind === 'lost') {
    return { kind: 'failed', reason: outcome.reason, error: outcome.error, isRefusal: false };
  }
  const { status, body } = outcome;
  if (status === 200) {
    try {
      fromInferAnswer(outcome);
      return { kind: 'answered' };
    } catch (error) {
      const reason = 'invalid answer';
      return { kind: 'failed', reason, error: toDnnScalerError(error), isRefusal: false };
    }
  }
  const error = errorFromAnswer(status, body);
  if (status === 429 || status === 503) return { kind: 'shed', error };
  const isRefusal = (status >= 400 && status < 500 && status !== 408) || status === 501;
  return { kind: 'failed', reason: `HTTP ${status}`, error, isRefusal };
}
