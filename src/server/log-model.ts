import type { Logger } from 'pino';
import { formatPoint } from '../operating-point.ts';
import type { DeploymentListener } from '../serving/deployment.ts';
import { quantileOfSorted } from '../telemetry/quantile.ts';

/** Writes what a model's deployment decides and suffers to the log. */
export function logModel(
  logger: Logger,
): Required<Pick<DeploymentListener, 'onWindow' | 'onPoint' | 'onHealth'>> {
  return {
    onWindow: ({ point, sample, slo, decision }) => {
      const sorted = sample.requestMs.toSorted();
      const figures = {
        point,
        throughputPerS: round((sample.rows / sample.durationMs) * 1000),
        latencyMs: round(quantileOfSorted(sorted, slo.percentile)),
        sloMs: slo.limitMs,
        decision: decision.kind,
      };
      if (decision.kind === 'hold') logger.debug(figures, decision.reason);
      else logger.info(figures, decision.reason);
    },
    onPoint: (point, tookMs, error) => {
      const figures = { point, tookMs: round(tookMs) };
      if (error === null) logger.info(figures, `operating point ${formatPoint(point)}`);
      else logger.warn(figures, error.message);
    },
    onHealth: (health) => {
      if (health.message === undefined) logger.info({ ready: health.ready }, 'healthy');
      else logger.warn({ ready: health.ready }, health.message);
    },
  };
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
