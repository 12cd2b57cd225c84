import type { Clock } from '../../../clock.ts';
import { DnnScalerError } from '../../../errors.ts';
import { VirtualClock } from '../../../simulator/virtual-clock.ts';
import { makeSlo } from '../../../slo.ts';
import { uniformArrivals } from '../../../workload/arrivals.ts';
import { syntheticSource } from '../../../workload/row-source.ts';
import type { LoadResult } from '../load-result.ts';
import type { LoadPattern, LoadRunOptions } from '../load-run.ts';
import { LoadRun } from '../load-run.ts';
import type { LoadOutcome, LoadTarget } from '../load-target.ts';

export const answered: LoadOutcome = { kind: 'answered' };
export const shed: LoadOutcome = { kind: 'shed', error: new DnnScalerError('unavailable', 'full') };
export const broken: LoadOutcome = {
  kind: 'failed',
  reason: 'HTTP 500',
  error: new DnnScalerError('internal', 'oh'),
  isRefusal: false,
};
export const refused: LoadOutcome = {
  kind: 'failed',
  reason: 'HTTP 400',
  error: new DnnScalerError('invalid-argument', 'the server answered 400 with: bad shape'),
  isRefusal: true,
};

/** What a request gets, and after how long; `never` brings nothing until it is given up. */
export type Reply = readonly [outcome: LoadOutcome | 'never', afterMs: number];

/** Every request alike, or by when it came: ms since the load began, and its number. */
export type Service = (sentMs: number, index: number) => Reply;

function targetOf(clock: Clock, service: Service): LoadTarget<number> & { sent: number } {
  const target = {
    sent: 0,
    send: (_request: number, done: (outcome: LoadOutcome) => void) => {
      const [outcome, afterMs] = service(clock.nowMs(), target.sent);
      target.sent += 1;
      if (outcome === 'never') {
        return () => {
          clock.setTimer(0, () => {
            done(broken);
          });
        };
      }
      clock.setTimer(afterMs, () => {
        done(outcome);
      });
      return () => undefined;
    },
  };
  return target;
}

export const uniform = (ratePerS: number): LoadPattern => ({
  kind: 'open',
  arrivals: uniformArrivals(ratePerS),
});

export interface Ran {
  readonly result: LoadResult;
  readonly target: { readonly sent: number };
}

export function begin(
  service: Service,
  options: Partial<LoadRunOptions<number>> = {},
  clock = new VirtualClock(),
) {
  const target = targetOf(clock, service);
  const run = new LoadRun<number>({
    target,
    source: syntheticSource((index) => index),
    pattern: uniform(100),
    slo: makeSlo(50),
    clock,
    durationMs: 10_000,
    timeoutMs: 5000,
    maxInFlight: 1000,
    windowMs: 1000,
    ...options,
  });
  return { run, clock, target };
}

export async function load(
  service: Service,
  options: Partial<LoadRunOptions<number>> = {},
  onClock = new VirtualClock(),
): Promise<Ran> {
  const { run, clock, target } = begin(service, options, onClock);
  run.start();
  clock.runUntil(60_000);
  return { result: await run.finished, target };
}
