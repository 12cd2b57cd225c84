import { batchSizeBinds, controlledLatencyMs, instancesBind } from './assessment.ts';
import type { Observation } from './scaler.ts';
import type { SpeedSample } from './volatility.ts';
import { spreadOf } from './volatility.ts';

/** An engine call outside these multiples of the remembered one means that the machine's speed changed. */
export const slower = 1.25;
export const faster = 1 / slower;

/** What was measured at one value of a knob. */
export interface KnobReading {
  /** The latency that the scaler controls. */
  readonly latencyMs: number;
  readonly throughputPerS: number;
  /** Median time of an engine call: how fast the machine was, whatever the tail and the load. */
  readonly executionMs: number;
  /**
   * How fast calls were in the newest window of it, and how many windows it joins; absent where batches
   * were not full or instances idle: throughput was that of the traffic then.
   */
  readonly speed?: SpeedSample & { readonly windows: number };
}

export function readingOf(observation: Observation): KnobReading {
  return {
    latencyMs: controlledLatencyMs(observation),
    throughputPerS: observation.throughputPerS,
    executionMs: observation.executionLatency.p50Ms,
    ...(batchSizeBinds(observation) &&
      instancesBind(observation) && { speed: speedOf(observation) }),
  };
}

function speedOf({ newestWindow, calls, executionLatency }: Observation): Speed {
  const newest = newestWindow ?? { calls, meanMs: executionLatency.meanMs };
  return {
    logMs: Math.log(newest.meanMs),
    variance: spreadOf(executionLatency) ** 2 / newest.calls,
    windows: Math.max(1, Math.round(calls / newest.calls)),
  };
}

/**
 * The same with the throughput that there would be if every call took the median time. What pauses of
 * the machine take from a window by chance is more than what close values of a knob differ by. A mean
 * further from the median than pauses explain is left with that much.
 */
export function typicalReadingOf(observation: Observation): KnobReading {
  const { meanMs, p50Ms } = observation.executionLatency;
  const reading = readingOf(observation);
  if (!(meanMs > 0)) return reading;
  const ratio = Math.min(slower, Math.max(faster, meanMs / p50Ms));
  return { ...reading, throughputPerS: reading.throughputPerS * ratio };
}

type Speed = NonNullable<KnobReading['speed']>;
