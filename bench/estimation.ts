/** Estimating latencies from cells 1 and 8: errors row by row beside the authors', and time per row. */
import { readFileSync } from 'node:fs';
import { systemClock } from '../src/clock.ts';
import type { LatencyTable } from '../src/estimation/latency-table.ts';
import { parseLatencyTable } from '../src/estimation/latency-table.ts';
import type { EstimationMethod } from '../src/estimation/leave-one-out.ts';
import { estimationMethods, estimatorOf, leaveOneOut } from '../src/estimation/leave-one-out.ts';
import type { BenchReport } from './harness.ts';
import { isMain, median, runBenches } from './harness.ts';

const observe = [1, 8];
const warmUpRounds = 20;
const rounds = 50;
const targetMs = 5;

const measured = readTable('p40-latency-by-instances.csv');

export function estimationErrors(): Promise<BenchReport> {
  const authors = readTable('p40-tfocs-estimates.csv').rows.map(({ cells }, row) =>
    errorPercent(row, (count) => cells.get(count) as number),
  );
  const [ours, nuclear] = estimationMethods.map((method) =>
    leaveOneOut(measured, { observe, method }).rows.map((row) => row.errorPercent),
  ) as [number[], number[]];
  const figures = measured.rows.map(({ name }, i) => ({
    name,
    authorsPercent: authors[i] as number,
    nuclearPercent: nuclear[i] as number,
    defaultPercent: ours[i] as number,
  }));
  const means = {
    name: 'mean',
    authorsPercent: mean(authors),
    nuclearPercent: mean(nuclear),
    defaultPercent: mean(ours),
  };
  return Promise.resolve({
    title: 'Estimation: mean absolute error of the unseen cells of each P40 row, left out in turn',
    about: 'Observed at 1 and 8 instances; "authors" is their TFOCS run, judged the same way.',
    columns: [
      { heading: 'row' },
      { heading: 'authors', align: 'right' },
      { heading: 'nuclear', align: 'right' },
      { heading: 'default', align: 'right' },
    ],
    rows: [...figures, means].map((row) => [
      row.name,
      percent(row.authorsPercent),
      percent(row.nuclearPercent),
      percent(row.defaultPercent),
    ]),
    figures: { rows: figures, means },
  });
}

export function estimationSpeed(): Promise<BenchReport> {
  const figures = estimationMethods.map((method) => {
    for (let round = 0; round < warmUpRounds; round += 1) roundMs(method);
    const cpuBefore = process.cpuUsage();
    const wallMs = Array.from({ length: rounds }, () => roundMs(method)).flat();
    const { user, system } = process.cpuUsage(cpuBefore);
    return {
      method,
      medianMs: median(wallMs),
      cpuMs: (user + system) / 1000 / wallMs.length,
      targetMs,
    };
  });
  return Promise.resolve({
    title: 'Estimation: time to solve one row of ten columns from a library of seventeen',
    about: `Once warm; median of ${rounds} rounds of all rows. CPU time shows what an idle machine would do.`,
    columns: [
      { heading: 'method' },
      { heading: 'median', align: 'right' },
      { heading: 'CPU, mean', align: 'right' },
      { heading: 'target', align: 'right' },
    ],
    rows: figures.map(({ method, medianMs, cpuMs }) => [
      method,
      `${medianMs.toFixed(2)} ms`,
      `${cpuMs.toFixed(2)} ms`,
      `${targetMs} ms`,
    ]),
    figures,
  });
}

/** Time of each row, left out in turn. */
function roundMs(method: EstimationMethod): number[] {
  return measured.rows.map((row) => {
    const library = measured.rows.filter((other) => other !== row);
    const observed = new Map(observe.map((count) => [count, row.cells.get(count) as number]));
    const startedMs = systemClock.nowMs();
    estimatorOf[method](observed, measured.instances, library);
    return systemClock.nowMs() - startedMs;
  });
}

function errorPercent(row: number, estimateMs: (count: number) => number): number {
  const cells = measured.rows[row]?.cells ?? new Map<number, number>();
  const unseen = measured.instances.filter((count) => !observe.includes(count));
  return mean(
    unseen.map((count) => {
      const measuredMs = cells.get(count) as number;
      return (100 * Math.abs(estimateMs(count) - measuredMs)) / measuredMs;
    }),
  );
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

function percent(value: number): string {
  return `${value.toFixed(1)}%`;
}

function readTable(file: string): LatencyTable {
  const text = readFileSync(new URL(`../data/${file}`, import.meta.url), 'utf8');
  return parseLatencyTable(text, file);
}

if (isMain(import.meta.url)) await runBenches([estimationErrors, estimationSpeed]);
