import { describe, expect, it } from 'vitest';
import { loadP40Tables, loadPaperJobs } from '../experiments/paper-data.ts';
import { P40 } from './p40.ts';
import { p40Surface } from './p40-surface.ts';

const tables = loadP40Tables();
const p40 = new P40(tables);

describe('P40', () => {
  it('knows 18 rows by instances, 30 lines by batch size and 16 networks', () => {
    expect(tables.instanceRows).toHaveLength(18);
    expect(tables.batchFits).toHaveLength(30);
    expect(tables.macsMillions.size).toBe(16);
  });

  it('takes measured latencies as they are', () => {
    for (const row of tables.instanceRows) {
      const curves = p40.curvesOf(row.network, row.dataset);
      expect(curves.curveSource).toBe('measured');
      expect(curves.instanceLatenciesMs).toEqual(row.latenciesMs);
    }
    expect(p40.curvesOf('inception_v1', 'imagenet').batchPath).toEqual({
      fixedMs: 18,
      perImageMs: 11.5,
    });
  });

  it('says for each job of the paper where its latencies come from', () => {
    const sources = loadPaperJobs().map(({ job, network, dataset }) => {
      const { curveSource, batchPathSource } = p40.curvesOf(network, dataset);
      return { job, curveSource, batchPathSource };
    });
    const jobsOf = (source: string) =>
      sources.filter(({ curveSource }) => curveSource === source).map(({ job }) => job);
    expect(jobsOf('measured')).toEqual([1, 2, 4, 5, 6, 8, 9, 10, 14, 18, 19, 20, 21, 29, 30]);
    expect(jobsOf('other-dataset')).toEqual([15, 23, 24]);
    expect(jobsOf('inferred')).toEqual([3, 7, 11, 12, 13, 16, 17, 22, 25]);
    const inferredPaths = sources.filter(({ batchPathSource }) => batchPathSource === 'inferred');
    expect(inferredPaths.map(({ job }) => job)).toEqual([3, 7, 22, 29, 30]);
  });

  it('finds time slices that instances share: eight keep the GPU busy', () => {
    for (const row of tables.instanceRows) {
      const { timeSliceMs } = p40.curvesOf(row.network, row.dataset);
      const ratio = (8 * timeSliceMs) / (row.latenciesMs[7] as number);
      expect(ratio).toBeGreaterThan(0.85);
      expect(ratio).toBeLessThan(1.15);
    }
  });

  it('infers slower slices for larger networks, and time slicing for instances', () => {
    const small = p40.curvesOf('inception_v3', 'caltech256');
    const large = p40.curvesOf('inception_v4', 'caltech256');
    expect(large.timeSliceMs).toBeGreaterThan(small.timeSliceMs);
    expect(large.timeSliceMs).toBeCloseTo(p40.timeSliceLaw.at(12_290), 9);
    const [single = 0, ...more] = large.instanceLatenciesMs;
    expect(single).toBeGreaterThan(large.timeSliceMs);
    more.forEach((latencyMs, i) => {
      expect(latencyMs).toBeCloseTo(Math.max(single, (i + 2) * large.timeSliceMs), 9);
    });
  });

  it('does not infer from the row that is to be inferred', () => {
    const without = new P40({
      ...tables,
      instanceRows: tables.instanceRows.filter(({ network }) => network !== 'resnet_v2_50'),
    });
    const inferred = without.curvesOf('resnet_v2_50', 'imagenet');
    expect(inferred.curveSource).toBe('inferred');
    const measured = p40.curvesOf('resnet_v2_50', 'imagenet').timeSliceMs;
    expect(Math.abs(inferred.timeSliceMs / measured - 1)).toBeLessThan(0.6);
    expect(without.timeSliceLaw.factor).not.toBe(p40.timeSliceLaw.factor);
  });

  it('refuses a network of which nothing is known', () => {
    expect(() => p40.curvesOf('alexnet', 'imagenet')).toThrow(
      'nothing is known of alexnet on the P40',
    );
  });
});

describe('p40Surface', () => {
  it('has the measured latencies on both axes with serial preprocessing', () => {
    const surface = p40Surface(p40.curvesOf('inception_v1', 'imagenet'), 'serial');
    expect(surface.latencyMs(1, 1)).toBe(10.01);
    expect(surface.latencyMs(1, 8)).toBe(33.549);
    for (const batchSize of [2, 7, 32, 100, 128]) {
      expect(surface.latencyMs(batchSize, 1)).toBeCloseTo(18 + 11.5 * batchSize, 9);
    }
  });

  it('takes the decoding out of the call when it is pipelined', () => {
    for (const { network, dataset } of tables.instanceRows) {
      const curves = p40.curvesOf(network, dataset);
      const serial = p40Surface(curves, 'serial');
      const pipelined = p40Surface(curves, 'pipelined');
      for (const batchSize of [8, 32, 128]) {
        expect(pipelined.latencyMs(batchSize, 1)).toBeLessThan(serial.latencyMs(batchSize, 1));
      }
      const { timeSliceMs, gpuMsPerImage } = curves;
      expect(pipelined.latencyMs(64, 4)).toBeGreaterThanOrEqual(
        4 * (timeSliceMs + 63 * gpuMsPerImage) - 1e-6,
      );
    }
  });

  it('never answers faster than the GPU does, off the axes either', () => {
    const curves = p40.curvesOf('resnet_v2_50', 'imagenet');
    const surface = p40Surface(curves, 'serial');
    for (const instances of [2, 5, 10]) {
      for (const batchSize of [4, 32, 128]) {
        const gpuMs = curves.timeSliceMs + (batchSize - 1) * curves.gpuMsPerImage;
        expect(surface.latencyMs(batchSize, instances)).toBeGreaterThanOrEqual(
          instances * gpuMs - 1e-6,
        );
        expect(surface.latencyMs(batchSize, instances)).toBeGreaterThanOrEqual(
          surface.latencyMs(batchSize, 1) - 1e-6,
        );
      }
    }
  });
});
