import { describe, expect, it } from 'vitest';
import { paperLimits } from '../operating-point.ts';
import { makeSlo } from '../slo.ts';
import { ClipperScaler } from './clipper.ts';
import { Rehearsal, linearLaw, movesIn } from './test-support.ts';

const rehearse = (limitMs: number, noiseSigma = 0): Rehearsal =>
  new Rehearsal(new ClipperScaler(paperLimits), {
    law: linearLaw(10, 1),
    slo: makeSlo(limitMs),
    noiseSigma,
  });

const batchSizes = (rehearsal: Rehearsal): number[] =>
  rehearsal.steps.map(({ observation }) => observation.point.batchSize);

describe('ClipperScaler', () => {
  it('adds four below the band and stays within it', () => {
    const rehearsal = rehearse(36);
    rehearsal.play(10);
    expect(batchSizes(rehearsal)).toEqual([1, 5, 9, 13, 17, 21, 21, 21, 21, 21]);
  });

  it('takes a tenth off above the SLO', () => {
    const rehearsal = rehearse(120);
    rehearsal.play(30);
    rehearsal.slo = makeSlo(90);
    const from = rehearsal.point.batchSize;
    rehearsal.play(2);
    expect(rehearsal.point.batchSize).toBe(Math.floor(Math.floor(from * 0.9) * 0.9));
    rehearsal.play(10);
    expect(10 + rehearsal.point.batchSize).toBeLessThanOrEqual(90);
  });

  it('follows an SLO up, and ends at the largest batch', () => {
    const rehearsal = rehearse(40);
    rehearsal.play(20);
    rehearsal.slo = makeSlo(1000);
    rehearsal.play(40);
    expect(rehearsal.point.batchSize).toBe(128);
    expect(movesIn(rehearsal.play(10))).toBe(0);
  });

  it('stays within its band under noise', () => {
    const rehearsal = rehearse(100, 0.05);
    rehearsal.play(30);
    expect(movesIn(rehearsal.play(60))).toBeLessThanOrEqual(2);
    expect(rehearsal.point.batchSize).toBeGreaterThanOrEqual(66);
    expect(rehearsal.point.batchSize).toBeLessThanOrEqual(82);
  });

  it('steps down from every violation, to the smallest batch if it must', () => {
    const rehearsal = rehearse(100);
    rehearsal.play(30);
    rehearsal.slo = makeSlo(5);
    rehearsal.play(50);
    expect(rehearsal.point.batchSize).toBe(1);
    expect(rehearsal.play(1)[0]?.decision).toMatchObject({ kind: 'hold', infeasible: true });
  });

  it('never goes below the batch size of a model that has it fixed', () => {
    const limits = { minBatchSize: 16, maxBatchSize: 16, maxInstances: 4 };
    const scaler = new ClipperScaler(limits);
    expect(scaler.first()).toEqual({ batchSize: 16, instances: 1 });
    const rehearsal = new Rehearsal(scaler, { law: linearLaw(10, 1), slo: makeSlo(5) });
    expect(rehearsal.play(3).every(({ decision }) => decision.infeasible === true)).toBe(true);
    rehearsal.slo = makeSlo(500);
    expect(movesIn(rehearsal.play(3))).toBe(0);
  });

  it('asks once for a batch that the engine cannot reach', () => {
    const rehearsal = new Rehearsal(new ClipperScaler(paperLimits), {
      law: linearLaw(10, 1),
      slo: makeSlo(1000),
      reach: (point) => ({ ...point, batchSize: Math.min(point.batchSize, 30) }),
    });
    rehearsal.play(10);
    expect(rehearsal.point.batchSize).toBe(30);
    expect(movesIn(rehearsal.play(10))).toBe(0);
  });
});
