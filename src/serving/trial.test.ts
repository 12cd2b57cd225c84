import { describe, expect, it } from 'vitest';
import type { RunOutcome } from '../engines/engine.ts';
import { DnnScalerError } from '../errors.ts';
import { paperLimits } from '../operating-point.ts';
import { BatchingScaler } from '../scaling/batching.ts';
import { DnnScaler } from '../scaling/dnnscaler.ts';
import { FixedScaler } from '../scaling/fixed.ts';
import { SimulatedEngine } from '../simulator/simulated-engine.ts';
import type { SimulatedEngineOptions } from '../simulator/simulated-engine.ts';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import type { Scaler } from '../scaling/scaler.ts';
import { makeSlo } from '../slo.ts';
import type { RowSource } from '../workload/row-source.ts';
import { syntheticSource } from '../workload/row-source.ts';
import type { RunResult } from './run-result.ts';
import { ManualEngine } from './test-support.ts';
import type { TrialOptions } from './trial.ts';
import { Trial } from './trial.ts';

type Options = TrialOptions<number, number>;

/** The options of these tests always hold a virtual clock. */
function clockOf({ clock }: Options): VirtualClock {
  if (!(clock instanceof VirtualClock)) throw new Error('not a virtual clock');
  return clock;
}

function options(
  more: Partial<Options> = {},
  engine: Partial<SimulatedEngineOptions<number>> = {},
): Options {
  const clock = new VirtualClock();
  return {
    clock,
    engine: new SimulatedEngine<number>({
      name: 'simulated',
      clock,
      law: (rows, busy) => (10 + rows) * busy,
      maxBatchSize: 128,
      maxInstances: 10,
      ...engine,
    }),
    scaler: new FixedScaler({ batchSize: 4, instances: 1 }, paperLimits),
    slo: makeSlo(50),
    source: syntheticSource((index) => index),
    durationMs: 10_000,
    ...more,
  };
}

/** Runs to the end in virtual time. */
function play(trial: Trial<number, number>, clock: VirtualClock): Promise<RunResult> {
  trial.start();
  expect(clock.runWhile(() => trial.isEnded, 1e7)).toBe(true);
  return trial.finished;
}

const run = (given: Options): Promise<RunResult> => play(new Trial(given), clockOf(given));

/** An engine on which every call ends the same way, after 10 ms. */
function endingEngine(clock: VirtualClock, outcome: RunOutcome<number>): ManualEngine<number> {
  const engine = new ManualEngine<number>();
  engine.run = (_, done) => {
    engine.freeInstances -= 1;
    clock.setTimer(10, () => {
      engine.freeInstances += 1;
      done(outcome);
    });
  };
  return engine;
}

describe('a trial', () => {
  it('runs for its time under a closed loop and tells what it found', async () => {
    const result = await run(options());
    expect(result).toMatchObject({
      engine: 'simulated',
      simulated: true,
      scaler: 'fixed:4,1',
      approach: null,
      profile: null,
      operatingPoint: { batchSize: 4, instances: 1 },
      slo: makeSlo(50),
      sloAttainment: 1,
      verdict: 'held',
      steady: true,
      decisionsToSteady: 0,
      durationMs: 10_000,
      requests: { failed: 0 },
      notes: [],
    });
    expect(result.throughputPerS).toBeCloseTo(4000 / 14, 3);
    expect(result.latencyMs).toMatchObject({ p50: 14, p95: 14, p99: 14 });
    expect(result.requests.answered).toBeGreaterThan(2800);
    expect(result.changes).toEqual([
      { timeMs: 0, point: { batchSize: 4, instances: 1 }, tookMs: 0 },
    ]);
    expect(result.windows).toHaveLength(9);
  });

  it('counts its time from when the first point took effect', async () => {
    const result = await run(options({}, { startMs: 3000 }));
    expect(result.durationMs).toBe(10_000);
    expect(result.changes[0]).toMatchObject({ timeMs: 0, tookMs: 3000 });
    expect(result.windows[0]?.timeMs).toBeLessThan(1100);
  });

  it('counts every change of the point on the way to steady state', async () => {
    const scaler = new BatchingScaler({ limits: paperLimits });
    const result = await run(options({ scaler, durationMs: 60_000 }));
    expect(result.approach).toBe('batching');
    expect(result.changes).toHaveLength(1 + result.decisionsToSteady);
    expect(result.windows.filter(({ decision }) => decision === 'move')).toHaveLength(
      result.decisionsToSteady,
    );
    expect(result.operatingPoint.batchSize).toBeGreaterThanOrEqual(33);
    expect(result.latencyMs.p95).toBeLessThanOrEqual(50);
  });

  it('says that an SLO was not held, or that nothing can hold it', async () => {
    const missed = await run(options({ slo: makeSlo(12) }));
    expect(missed).toMatchObject({ verdict: 'not-held', sloAttainment: 0 });
    const scaler = new BatchingScaler({ limits: paperLimits });
    const hopeless = await run(options({ slo: makeSlo(5), scaler }));
    expect(hopeless).toMatchObject({
      verdict: 'infeasible',
      operatingPoint: { batchSize: 1, instances: 1 },
    });
  });

  it('too short for a window says so and claims nothing', async () => {
    const result = await run(options({ durationMs: 300 }));
    expect(result).toMatchObject({
      verdict: 'undecided',
      steady: false,
      windows: [],
      operatingPoint: { batchSize: 4, instances: 1 },
      notes: [expect.stringMatching(/claim p95 was complete.*takes 40 calls; \d+ rows/)],
    });
    expect(result.throughputPerS).toBeNaN();
    expect(result.requests.answered).toBeGreaterThan(50);
  });

  it('that ends while the profiler is at work claims nothing either', async () => {
    const scaler = new DnnScaler(paperLimits, () => [10]);
    const result = await run(options({ scaler, durationMs: 2500 }));
    expect(result.windows.length).toBeGreaterThan(0);
    expect(result).toMatchObject({ verdict: 'undecided', profile: null, steady: false });
    expect(result.throughputPerS).toBeNaN();
    expect(result.notes).toEqual([expect.stringContaining('takes 40 calls, after profiling;')]);
  });

  it('that ends just after the profile has that, and claims nothing', async () => {
    const scaler = new DnnScaler(paperLimits, () => [10]);
    const base = options({ scaler });
    const trial = new Trial<number, number>({
      ...base,
      listener: {
        onWindow: () => {
          if (scaler.profile !== null) trial.stop();
        },
      },
    });
    expect(await play(trial, clockOf(base))).toMatchObject({
      verdict: 'undecided',
      profile: { probes: [{}, {}, {}] },
    });
  });

  describe('with a limit for becoming steady', () => {
    /** Goes from one batch size to another for so many windows. */
    const restlessFor = (windows: number): Scaler => {
      let left = windows;
      return {
        ...{ name: 'restless', approach: null, profile: null, wants: 'percentile' as const },
        first: () => ({ batchSize: 4, instances: 1 }),
        decide: ({ point }) => {
          left -= 1;
          const batchSize = left < 0 ? point.batchSize : point.batchSize === 4 ? 5 : 4;
          return { point: { batchSize, instances: 1 }, kind: 'move', reason: 'test' };
        },
      };
    };
    const runFor = (windows: number): Promise<RunResult> =>
      run(options({ scaler: restlessFor(windows), durationMs: 10_000, steadyLimitMs: 30_000 }));

    it('ends in time when it is steady by then', async () => {
      expect((await runFor(2)).durationMs).toBe(10_000);
    });

    it('goes on until it is, when it is still moving', async () => {
      const { durationMs, steady, windows } = await runFor(12);
      expect(steady).toBe(true);
      expect(durationMs).toBeGreaterThan(12_000);
      expect(durationMs).toBeLessThan(17_000);
      expect(windows.slice(-3).every(({ point }) => point.batchSize === 4)).toBe(true);
    });

    it('ends at the limit when it never is', async () => {
      const { durationMs, steady } = await runFor(1000);
      expect([durationMs, steady]).toEqual([30_000, false]);
    });
  });

  it('keeps what the engine had to say, once', async () => {
    const given = options();
    const trial = new Trial<number, number>({
      ...given,
      listener: {
        onPoint: () => {
          const health = { ready: true, message: 'instance 2 was replaced' } as const;
          for (let i = 0; i < 3; i += 1) listener?.onHealth(health);
        },
      },
    });
    let listener: Parameters<typeof given.engine.listen>[0] | undefined;
    const { engine } = given;
    const listen = engine.listen.bind(engine);
    engine.listen = (inner) => {
      listener = inner;
      listen(inner);
    };
    const result = await play(trial, clockOf(given));
    expect(result.notes).toEqual(['instance 2 was replaced']);
  });

  it('shows its windows while it runs', () => {
    const given = options();
    const trial = new Trial(given).start();
    clockOf(given).runUntil(3500);
    expect(trial.windows).toHaveLength(3);
    expect(trial.elapsedMs).toBe(3500);
    expect(trial.isEnded).toBe(false);
    trial.stop();
  });
});

describe('stopping', () => {
  it('in the middle ends with what there is, everything accepted answered, no timer left', async () => {
    const given = options();
    const trial = new Trial(given).start();
    const clock = clockOf(given);
    clock.runUntil(4321);
    trial.stop();
    trial.stop();
    expect(trial.isEnded).toBe(false);
    expect(clock.runWhile(() => trial.isEnded)).toBe(true);
    const result = await trial.finished;
    expect(result.durationMs).toBe(4321);
    expect(result.windows).toHaveLength(4);
    expect(result.requests.failed).toBe(0);
    expect(trial.deployment.unsettled).toBe(0);
    clock.runWhile(() => false);
    expect(clock.nowMs()).toBeLessThan(5000);
  });

  it('before the first point took effect ends at once, and leaves no timer', async () => {
    const given = options({}, { startMs: 3000 });
    const trial = new Trial(given).start();
    const clock = clockOf(given);
    clock.runUntil(1000);
    trial.stop();
    expect(trial.isEnded).toBe(true);
    const result = await trial.finished;
    expect(result.requests).toEqual({ answered: 0, failed: 0 });
    clock.runWhile(() => false);
    expect(clock.nowMs()).toBeLessThan(4000);
    expect((await trial.finished).requests.answered).toBe(0);
  });

  it('does not wait for ever for an instance that never comes back', async () => {
    const given = options({ durationMs: 5000 }, { crashChance: 0.02, restartMs: 1e9 });
    const result = await run(given);
    expect(result.requests.failed).toBe(4);
    expect(result.notes.join()).toMatch(
      /4 requests failed, the first with: not answered within 30\.0 s of shutting down/,
    );
    expect(clockOf(given).nowMs()).toBeLessThan(40_000);
  });
});

describe('a trial that cannot go on', () => {
  it('rejects when the engine does not start', async () => {
    const given = options();
    const engine = new ManualEngine<number>();
    engine.apply = (point, done) => {
      done(new DnnScalerError('resource-exhausted', 'no memory for one instance'), point);
    };
    const trial = new Trial({ ...given, engine }).start();
    expect(trial.isEnded).toBe(true);
    await expect(trial.finished).rejects.toThrow('no memory for one instance');
  });

  it('rejects soon when the model rejects everything', async () => {
    const clock = new VirtualClock();
    const error = new DnnScalerError('invalid-argument', 'expects 4 dimensions');
    const engine = endingEngine(clock, { kind: 'failed', error });
    await expect(run(options({ clock, engine }))).rejects.toThrow('expects 4 dimensions');
    expect(clock.nowMs()).toBeLessThan(500);
  });

  it('rejects when the rows kill whatever runs them', async () => {
    const given = options({}, { isDeadly: () => true, restartMs: 10 });
    await expect(run(given)).rejects.toThrow('the instance died under this batch');
  });

  it.each([0, 2500])('rejects when its source fails after %d ms', async (failsMs) => {
    const given = options();
    const clock = clockOf(given);
    const rows = syntheticSource((index) => index);
    let failure: DnnScalerError | null = null;
    let wake = (): void => undefined;
    const source: RowSource<number> = {
      ...rows,
      take: () => (clock.nowMs() >= failsMs ? undefined : rows.take()),
      whenAvailable: (fire) => {
        if (failure === null) wake = fire;
      },
      get failure() {
        return failure;
      },
    };
    clock.setTimer(failsMs + 50, () => {
      failure = new DnnScalerError('invalid-argument', 'none of the 3 images can be read');
      wake();
    });
    await expect(run({ ...given, source })).rejects.toThrow('none of the 3 images can be read');
    expect(clock.nowMs()).toBeLessThan(failsMs + 200);
  });

  it('goes on when a few rows fail, and says how many and why', async () => {
    const given = options(
      { source: syntheticSource((index) => index, { distinct: 200 }) },
      { isDeadly: (row) => row === 7, restartMs: 10 },
    );
    const result = await run(given);
    expect(result.requests.failed).toBeGreaterThan(1);
    expect(result.requests.answered).toBeGreaterThan(20 * result.requests.failed);
    expect(result.notes.join()).toBe(
      `${result.requests.failed} requests failed, the first with: the instance died under this batch`,
    );
    expect(result.sloAttainment).toBeLessThan(1);
  });

  it('leaves a batch size that the model rejects, and ends well below it', async () => {
    const given = options({
      scaler: new BatchingScaler({ limits: paperLimits }),
      durationMs: 60_000,
    });
    const clock = clockOf(given);
    const { engine } = given;
    const error = new DnnScalerError('invalid-argument', 'the model reshapes to 16 rows');
    const run16 = engine.run.bind(engine);
    engine.run = (rows, done) => {
      run16(rows, (outcome) => {
        done(rows.length > 16 ? { kind: 'failed', error } : outcome);
      });
    };
    const result = await play(new Trial({ ...given, engine }), clock);
    expect(result).toMatchObject({ verdict: 'held', steady: true });
    expect(result.operatingPoint.batchSize).toBe(16);
  });
});
