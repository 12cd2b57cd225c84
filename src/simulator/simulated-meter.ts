import type { Clock } from '../clock.ts';
import { PowerHistory } from '../telemetry/power/power-meter.ts';
import type { PowerMeter } from '../telemetry/power/power-meter.ts';

/** Power in watts while `busyInstances` run calls of `rows` rows; 0 is an idle machine. */
export type PowerLaw = (rows: number, busyInstances: number) => number;

/** Changes that follow each other more quickly share a sample. */
const leastSampleMs = 5;

/** Meters what a law says of a simulated machine, in virtual time. */
export class SimulatedMeter implements PowerMeter {
  readonly name = 'simulated, from measured power';
  readonly trouble = null;
  readonly #clock: Clock;
  readonly #law: PowerLaw;
  readonly #history = new PowerHistory();
  #sampleFromMs: number;
  #sinceMs: number;
  #watts: number;
  /** Since the sample began: power times time, in watts x ms. */
  #energy = 0;

  constructor(clock: Clock, law: PowerLaw) {
    this.#clock = clock;
    this.#law = law;
    this.#watts = law(1, 0);
    this.#sampleFromMs = clock.nowMs();
    this.#sinceMs = this.#sampleFromMs;
  }

  /** From now on so many instances run, the latest of them so many rows. */
  set(rows: number, busyInstances: number): void {
    this.#advance(leastSampleMs);
    this.#watts = this.#law(rows, busyInstances);
  }

  meanWatts(fromMs: number, toMs: number): number | undefined {
    this.#advance(0);
    return this.#history.meanWatts(fromMs, toMs);
  }

  #advance(sampleMs: number): void {
    const nowMs = this.#clock.nowMs();
    this.#energy += this.#watts * (nowMs - this.#sinceMs);
    this.#sinceMs = nowMs;
    const durationMs = nowMs - this.#sampleFromMs;
    if (durationMs <= sampleMs) return;
    this.#history.add(this.#sampleFromMs, nowMs, this.#energy / durationMs);
    this.#energy = 0;
    this.#sampleFromMs = nowMs;
  }
}
