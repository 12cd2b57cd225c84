import { beforeAll, describe, expect, it } from 'vitest';
import { parseCsv } from '../csv.ts';
import { createScaler } from '../scaling/create-scaler.ts';
import { P40 } from '../simulator/p40.ts';
import { p40Surface } from '../simulator/p40-surface.ts';
import { simulate } from '../simulator/simulate.ts';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import { makeSlo } from '../slo.ts';
import { estimatorWithout } from './estimator-without.ts';
import { loadP40Tables, loadPaperJobs } from './paper-data.ts';
import type { PaperJob } from './paper-jobs.ts';
import { reportHtml } from './report/page.ts';
import type { Reproduction } from './reproduce.ts';
import { reproduce } from './reproduce.ts';
import { resultsCsv, resultsJson } from './result-files.ts';
import { p40Engine } from './run-job.ts';

const tables = loadP40Tables();
const allJobs = loadPaperJobs();
const pick = (...numbers: number[]) => allJobs.filter(({ job }) => numbers.includes(job));

/** One job with every source of latencies, both approaches, and one that differs from the seed. */
const someJobs = pick(10, 17, 24, 30);

interface ResultsFile {
  readonly jobs: readonly Record<string, unknown>[];
  readonly averageGainPercent: number;
  readonly largestGain: number;
}

describe('reproduce', () => {
  let reproduction: Reproduction;
  let progress: [number, number, string][];

  beforeAll(async () => {
    progress = [];
    reproduction = await reproduce({
      tables,
      jobs: someJobs,
      onProgress: (...step) => progress.push(step),
    });
  });

  it('writes the fields that readers of results.json rely on', () => {
    const results = JSON.parse(resultsJson(reproduction)) as ResultsFile;
    expect(results.jobs).toHaveLength(someJobs.length);
    for (const job of results.jobs) {
      expect(Object.keys(job)).toEqual(
        expect.arrayContaining([
          ...['job', 'network', 'dataset', 'sloMs', 'approach', 'seedApproach', 'curveSource'],
          ...['clipper', 'dnnscaler', 'gainPercent'],
        ]),
      );
      for (const scaler of ['clipper', 'dnnscaler']) {
        expect(job[scaler]).toMatchObject({
          operatingPoint: {
            batchSize: expect.any(Number) as number,
            instances: expect.any(Number) as number,
          },
          throughputPerS: expect.any(Number) as number,
          p95Ms: expect.any(Number) as number,
          sloAttainment: expect.any(Number) as number,
        });
      }
    }
    const gains = results.jobs.map(({ gainPercent }) => gainPercent as number);
    const mean = gains.reduce((sum, gain) => sum + gain, 0) / gains.length;
    expect(results.averageGainPercent).toBeCloseTo(mean, 9);
    expect(results.largestGain).toBeCloseTo(1 + Math.max(...gains) / 100, 9);
  });

  it('gives a reason for each decision that differs from the seed, and only for those', () => {
    for (const { approach, seedApproach, why } of reproduction.serial.jobs) {
      if (approach === seedApproach) expect(why).toBeUndefined();
      else expect(why).toMatch(/eight instances answer .* a batch of 32 .* needs a GPU time slice/);
    }
    expect(reproduction.serial.jobs.some(({ why }) => why !== undefined)).toBe(true);
  });

  it('holds p95 with DNNScaler on every job', () => {
    for (const { outcomes, sloMs } of reproduction.serial.jobs) {
      expect(outcomes.dnnscaler?.p95Ms).toBeLessThanOrEqual(sloMs);
      expect(outcomes.dnnscaler?.sloAttainment).toBeGreaterThanOrEqual(0.95);
    }
  });

  it('shows that most of the gain is decoding in parallel', () => {
    const gain = reproduction.pipelined.averageGainPercent ?? Number.NaN;
    expect(Math.abs(gain)).toBeLessThan(10);
    expect(reproduction.serial.averageGainPercent).toBeGreaterThan(50);
  });

  it('lets more requests over the SLO when DNNScaler controls the mean', () => {
    const attainments = ({ jobs }: Reproduction['serial']) =>
      jobs.map(({ outcomes }) => outcomes.dnnscaler?.sloAttainment ?? Number.NaN);
    expect(Math.min(...attainments(reproduction.seedControl!))).toBeLessThan(0.95);
    expect(Math.min(...attainments(reproduction.serial))).toBeGreaterThanOrEqual(0.95);
  });

  it('counts requests over the SLO and the time to recover after each step', () => {
    for (const { runs } of reproduction.sloSteps) {
      expect(runs.map(({ scaler }) => scaler)).toEqual(['clipper', 'dnnscaler']);
      for (const { phases } of runs) {
        expect(phases).toHaveLength(3);
        expect(phases[1]?.limitMs).toBeCloseTo(0.6 * (phases[0]?.limitMs ?? 0), 9);
        for (const phase of phases) {
          expect(phase.requests).toBeGreaterThan(phase.requestsOverSlo);
          expect(phase.recoveryMs ?? 0).toBeLessThanOrEqual(phase.toMs - phase.fromMs);
        }
      }
      const [, down, up] = runs[1]?.phases ?? [];
      expect(down?.recoveryMs).not.toBeNull();
      expect(up?.recoveryMs).not.toBeNull();
    }
  });

  it('reports progress to the end', () => {
    const total = someJobs.length * 7;
    expect(progress.map(([done]) => done)).toEqual(Array.from({ length: total + 1 }, (_, i) => i));
    expect(progress.every(([, of]) => of === total)).toBe(true);
    expect(progress[0]?.[2]).toBe('job 10, resnet_v2_50: clipper, serial');
  });

  it('writes a line per comparison, job and scaler to results.csv', () => {
    const [header = [], ...lines] = parseCsv(resultsCsv(reproduction));
    expect(lines).toHaveLength(someJobs.length * 3 * 2);
    expect(lines.every((line) => line.length === header.length)).toBe(true);
    expect(new Set(lines.map((line) => line[header.indexOf('scaler')]))).toEqual(
      new Set(['clipper', 'dnnscaler']),
    );
  });

  it('draws a report that asks the network for nothing', () => {
    const page = reportHtml(reproduction);
    expect(page).toMatch(/^<!doctype html>/);
    const addresses = [...page.matchAll(/(?:https?:)?\/\/[^\s"'<)]+/g)].map(([address]) => address);
    expect(new Set(addresses)).toEqual(new Set(['http://www.w3.org/2000/svg']));
    expect(page).not.toMatch(/<script|<link[^>]+href="(?!data:)|@import|url\((?!#)/);
    expect(page).not.toMatch(/NaN|undefined|\[object/);
    for (const { job, network } of someJobs) expect(page).toContain(`${job} ${network}`);
    // Two bar charts, one time series for each job, and those of the steps.
    const charts = page.match(/<svg /g) ?? [];
    expect(charts.length).toBeGreaterThanOrEqual(2 + someJobs.length);
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('the surfaces of some jobs', () => {
  it('are drawn with the path of each scaler, joint among them, and the best point', async () => {
    const reproduction = await reproduce({ tables, jobs: pick(29) });
    const [surface] = reproduction.surfaces;
    const { best, cells, paths } = surface?.figure ?? { best: null, cells: [], paths: [] };
    expect(paths.map(({ scaler }) => scaler)).toEqual(['clipper', 'dnnscaler', 'joint']);
    expect(cells.filter(({ holdsSlo }) => holdsSlo)).not.toHaveLength(0);
    const page = reportHtml(reproduction);
    expect(page).toContain('Where the scalers went');
    expect(page).toMatch(/joint visited \d+ points and ended at/);
    const instances = best?.instances === 1 ? 'instance' : 'instances';
    expect(page).toContain(
      `the oracle's point: batch ${best?.batchSize} x ${best?.instances} ${instances}`.replace(
        "'",
        '&#39;',
      ),
    );
  });
});

describe('what may decide', () => {
  it('is never the approach that the seed chose: permuting it changes no decision', async () => {
    const jobs = pick(10, 11, 29, 25);
    expect(jobs.map(({ seedApproach }) => seedApproach)).toEqual([
      'multi-tenancy',
      'batching',
      'batching',
      'multi-tenancy',
    ]);
    const rotated = jobs.map((job, i) => ({
      ...job,
      seedApproach: (jobs[(i + 2) % jobs.length] as PaperJob).seedApproach,
    }));
    const decisions = async (of: readonly PaperJob[]) => {
      const { serial, pipelined } = await reproduce({ tables, jobs: of, scalers: ['dnnscaler'] });
      return [serial, pipelined].map((comparison) =>
        comparison.jobs.map(({ approach, outcomes }) => ({ approach, outcomes })),
      );
    };
    expect(await decisions(rotated)).toEqual(await decisions(jobs));
  });

  it('is the same with the same seed, to the byte', async () => {
    const files = async (seed: number) => {
      const reproduction = await reproduce({ tables, jobs: pick(29), seed });
      return resultsJson(reproduction) + resultsCsv(reproduction) + reportHtml(reproduction);
    };
    const first = await files(5);
    expect(await files(5)).toBe(first);
    expect(await files(6)).not.toBe(first);
  });

  it('agrees with the seed on all fifteen jobs whose latencies were measured', async () => {
    const p40 = new P40(tables);
    let measured = 0;
    for (const { network, dataset, sloMs, seedApproach } of allJobs) {
      const curves = p40.curvesOf(network, dataset);
      if (curves.curveSource !== 'measured') continue;
      measured += 1;
      const clock = new VirtualClock();
      const engine = p40Engine(p40Surface(curves, 'serial'), clock, { noiseSigma: 0.05, seed: 1 });
      const scaler = createScaler('dnnscaler', {
        limits: engine.limits,
        estimate: estimatorWithout(tables, network),
      });
      const slo = makeSlo(sloMs);
      const untilChosenMs = Math.max(20_000, 200 * sloMs);
      const { approach } = await simulate({
        clock,
        engine,
        scaler,
        slo,
        durationMs: untilChosenMs,
      });
      expect(approach).toBe(seedApproach);
    }
    expect(measured).toBe(15);
  });
});

describe('what is refused', () => {
  it.each([[['nonsense']], [[]], [['clipper', 'clipper']]])('scalers %j', async (scalers) => {
    await expect(reproduce({ tables, jobs: someJobs, scalers })).rejects.toThrow(/the scaler/);
  });

  it('no jobs', async () => {
    await expect(reproduce({ tables, jobs: [] })).rejects.toThrow('there must be a job to run');
  });
});
