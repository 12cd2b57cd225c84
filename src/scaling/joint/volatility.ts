import type { OperatingPoint } from '../../operating-point.ts';
import type { Observation } from '../scaler.ts';
import { Volatility } from '../volatility.ts';
import type { Reading } from './readings.ts';
import { isFull } from './readings.ts';

/** How much the machine's speed wanders, learnt from full batches at the points of both knobs. */
export class PointVolatility {
  readonly #volatility = new Volatility<string>();

  note(reading: Reading, { newestWindow }: Pick<Observation, 'newestWindow'>): void {
    if (!isFull(reading)) return;
    const { calls, meanMs } = newestWindow ?? { calls: reading.calls, meanMs: reading.latencyMs };
    this.#volatility.note(keyOf(reading.point), {
      logMs: Math.log(meanMs),
      variance: (reading.relativeSd ** 2 * reading.calls) / calls,
    });
  }

  /** The machine has changed: all that was seen elsewhere before takes e^logShift times as long. */
  shift(logShift: number, here: OperatingPoint): void {
    this.#volatility.shift(logShift, keyOf(here));
  }

  /** Standard deviation of the logarithm of the speed in one window. */
  get sd(): number {
    return this.#volatility.sd;
  }

  /** A tail (logarithm) seen in few windows as it is over many, in which the speed wanders. */
  widen(logTail: number, percentile: number): number {
    return this.#volatility.widen(logTail, percentile);
  }
}

function keyOf({ batchSize, instances }: OperatingPoint): string {
  return `${batchSize},${instances}`;
}
