import { describe, expect, it } from 'vitest';
import type { DnnScalerError } from '../errors.ts';
import { Random } from '../random.ts';
import { createScaler } from '../scaling/create-scaler.ts';
import { timeSlicingEstimate } from '../scaling/test-support.ts';
import type { WindowReport } from '../serving/deployment.ts';
import { Deployment } from '../serving/deployment.ts';
import { makeSlo } from '../slo.ts';
import { ClosedLoop } from '../workload/closed-loop.ts';
import type { RowSource } from '../workload/row-source.ts';
import { SimulatedEngine } from './simulated-engine.ts';
import { VirtualClock } from './virtual-clock.ts';

/** What went on during one seed's run. */
interface Story {
  /** Times that each accepted row was settled, by row. */
  readonly settledTimes: readonly number[];
  readonly wrongReplies: readonly number[];
  readonly failures: readonly { readonly row: number; readonly error: DnnScalerError }[];
  readonly reports: readonly WindowReport[];
  readonly changesMs: readonly number[];
  readonly largestCall: number;
  readonly isDrained: boolean;
  readonly unsettled: number;
  readonly faults: Faults;
}

interface Faults {
  readonly crashChance: number;
  readonly hangChance: number;
  readonly hasDeadlyRows: boolean;
}

const isDeadlyRow = (row: number): boolean => row % 397 === 211;

const scalers = ['dnnscaler', 'batching', 'multi-tenancy', 'clipper', 'fixed:8,3', 'fixed:1,1'];

const serveMs = 12_000;

/** Serves for a while under faults, resizes, SLO steps and bursts, all drawn from the seed. */
function tell(seed: number): Story {
  const random = new Random(seed);
  const between = (least: number, most: number): number => least + (most - least) * random.next();
  const faults: Faults = {
    crashChance: random.next() < 0.5 ? between(0, 0.05) : 0,
    hangChance: random.next() < 0.3 ? between(0, 0.01) : 0,
    hasDeadlyRows: random.next() < 0.5,
  };
  const clock = new VirtualClock();
  const fixedMs = between(1, 40);
  const perRowMs = between(0.5, 4);
  const crowding = between(0.1, 1);
  const engine = new SimulatedEngine<number>({
    name: 'under faults',
    clock,
    law: (rows, busy) => (fixedMs + perRowMs * rows) * Math.max(1, busy * crowding),
    maxBatchSize: 32,
    maxInstances: 6,
    seed,
    noiseSigma: between(0, 0.3),
    slowdownAt: (nowMs) => (nowMs % 9000 > 5000 ? 1.5 : 1),
    firstCallFactor: between(1, 3),
    startMs: between(0, 800),
    restartMs: between(10, 2000),
    runLimitMs: between(200, 2000),
    reachableInstances: 1 + random.integer(6),
    ...(faults.hasDeadlyRows && { isDeadly: isDeadlyRow }),
    crashChance: faults.crashChance,
    hangChance: faults.hangChance,
  });
  let largestCall = 0;
  const run = engine.run.bind(engine);
  engine.run = (rows, done) => {
    largestCall = Math.max(largestCall, rows.length);
    run(rows, done);
  };

  const name = scalers[random.integer(scalers.length)] as string;
  const reports: WindowReport[] = [];
  const changesMs: number[] = [];
  const deployment = new Deployment<number, number>({
    engine,
    scaler: createScaler(name, { limits: engine.limits, estimate: timeSlicingEstimate }),
    slo: makeSlo(between(10, 300)),
    clock,
    listener: {
      onWindow: (report) => reports.push(report),
      onPoint: ({ batchSize, instances }) => {
        changesMs.push(clock.nowMs());
        loop.setOutstanding(batchSize * instances);
      },
    },
  });

  const settledTimes: number[] = [];
  const wrongReplies: number[] = [];
  const failures: { row: number; error: DnnScalerError }[] = [];
  const submit = (row: number, settled: () => void): void => {
    deployment.submit(row, (error, reply) => {
      settledTimes[row] = (settledTimes[row] ?? 0) + 1;
      if (error !== null) failures.push({ row, error });
      else if (reply !== row) wrongReplies.push(row);
      settled();
    });
  };
  const nextRow = (): number => settledTimes.push(0) - 1;
  const source: RowSource<number> = {
    take: nextRow,
    whenAvailable: (fire) => {
      fire();
    },
    failure: null,
    stats: { decoded: 0, cached: 0, starved: 0, skipped: 0, skippedExamples: [] },
    close: () => Promise.resolve(),
  };
  const loop = new ClosedLoop(source, submit);
  let isServing = true;
  const burst = (): void => {
    if (!isServing) return;
    for (let i = random.integer(60); i > 0; i -= 1) submit(nextRow(), () => undefined);
    clock.setTimer(random.exponential(2500), burst);
  };
  const stepSlo = (): void => {
    if (!isServing) return;
    deployment.setSlo(makeSlo(between(5, 300), random.next() < 0.5 ? 0.95 : 0.9));
    clock.setTimer(random.exponential(4000), stepSlo);
  };

  let isDrained = false;
  deployment.start(() => undefined);
  clock.setTimer(between(0, 3000), burst);
  clock.setTimer(between(0, 6000), stepSlo);
  clock.setTimer(serveMs, () => {
    isServing = false;
    loop.stop();
    deployment.drain(120_000, () => (isDrained = true));
  });
  clock.runWhile(() => isDrained, 1_000_000);
  const { unsettled } = deployment;
  return {
    settledTimes,
    wrongReplies,
    failures,
    reports,
    changesMs,
    largestCall,
    isDrained,
    unsettled,
    faults,
  };
}

const seeds = Array.from({ length: 300 }, (_, i) => i + 1);
let stories: Story[] | undefined;

/** Checks all seeds; they are played once, for all tests. */
function always(check: (story: Story, seed: number) => void): void {
  stories ??= seeds.map(tell);
  stories.forEach((story, i) => {
    check(story, seeds[i] as number);
  });
}

describe('under crashes, hangs, deadly rows, resizes, noise, drift and SLO steps', () => {
  it('every accepted row is answered exactly once, and the deployment drains', () => {
    let rows = 0;
    always(({ settledTimes, isDrained, unsettled }, seed) => {
      const twiceOrNever = settledTimes.flatMap((times, row) => (times === 1 ? [] : [row]));
      expect({ seed, twiceOrNever, isDrained, unsettled }).toEqual({
        seed,
        twiceOrNever: [],
        isDrained: true,
        unsettled: 0,
      });
      rows += settledTimes.length;
    });
    expect(rows).toBeGreaterThan(100_000);
  });

  it('every reply is that of its own row', () => {
    always(({ wrongReplies }, seed) => {
      expect({ seed, wrongReplies }).toEqual({ seed, wrongReplies: [] });
    });
  });

  it('only guilty rows fail where nothing crashes or hangs by chance', () => {
    let guilty = 0;
    always(({ failures, faults }, seed) => {
      if (faults.crashChance > 0 || faults.hangChance > 0) return;
      const innocent = failures.filter(({ row }) => !faults.hasDeadlyRows || !isDeadlyRow(row));
      expect({ seed, innocent }).toEqual({ seed, innocent: [] });
      guilty += failures.length;
    });
    expect(guilty).toBeGreaterThan(50);
  });

  it('every deadly row that was accepted fails', () => {
    always(({ failures, faults, settledTimes }, seed) => {
      if (!faults.hasDeadlyRows) return;
      const deadly = settledTimes.flatMap((_, row) => (isDeadlyRow(row) ? [row] : []));
      const failed = new Set(failures.map(({ row }) => row));
      expect({ seed, survivors: deadly.filter((row) => !failed.has(row)) }).toEqual({
        seed,
        survivors: [],
      });
    });
  });

  it('a crash by chance fails no row: its batch runs elsewhere', () => {
    let crashy = 0;
    let rows = 0;
    let failed = 0;
    always(({ failures, faults, settledTimes }) => {
      if (faults.hasDeadlyRows || faults.hangChance > 0 || faults.crashChance === 0) return;
      crashy += 1;
      rows += settledTimes.length;
      failed += failures.length;
    });
    expect(crashy).toBeGreaterThan(20);
    // What fails was alone in its batch and lost two instances, by chance.
    expect(failed / rows).toBeLessThan(0.002);
  });

  it('no call is larger than the engine takes', () => {
    let largest = 0;
    always(({ largestCall }) => {
      largest = Math.max(largest, largestCall);
    });
    expect(largest).toBe(32);
  });

  it('windows follow each other, hold what fits, and never straddle a change', () => {
    always(({ reports, changesMs }, seed) => {
      const faulty: unknown[] = [];
      let endedMs = 0;
      for (const { sample, point } of reports) {
        const { startMs, rows, calls, withinSlo } = sample;
        const overlaps = startMs < endedMs - 1e-6;
        endedMs = startMs + sample.durationMs;
        const straddles = changesMs.some((atMs) => atMs > startMs && atMs < endedMs - 1e-6);
        const fits =
          rows <= calls * point.batchSize &&
          withinSlo <= rows &&
          sample.requestMs.length === rows &&
          sample.executionMs.length === calls;
        if (overlaps || straddles || !fits) faulty.push({ overlaps, straddles, fits, startMs });
      }
      expect({ seed, faulty }).toEqual({ seed, faulty: [] });
    });
  });

  it('the same seed tells the same story, to the last window', () => {
    for (const seed of [1, 17, 203]) expect(tell(seed)).toEqual(tell(seed));
    expect(tell(1)).not.toEqual(tell(2));
  });
});
