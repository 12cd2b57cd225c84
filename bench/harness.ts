import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { letHeapGrow } from '../src/engines/heap-growth.ts';
import { readMachine } from '../src/engines/machine.ts';
import type { Column } from '../src/cli/text-table.ts';
import { renderTable } from '../src/cli/text-table.ts';

/** What a benchmark found: printed as a table, and kept as it is for `--json FILE`. */
export interface BenchReport {
  readonly title: string;
  /** What the figures are, in a sentence. */
  readonly about: string;
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly string[])[];
  /** The same for machines. */
  readonly figures: unknown;
}

export type Bench = () => Promise<BenchReport>;

const commandLine = { options: { json: { type: 'string' } }, allowPositionals: true } as const;

/**
 * The names on the command line, or all there are.
 *
 * @throws Error when there is no such name
 */
export function namesGiven(names: readonly string[]): readonly string[] {
  const { positionals } = parseArgs(commandLine);
  const unknown = positionals.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`no benchmark ${unknown}: ${names.join(', ')}`);
  return positionals.length === 0 ? names : positionals;
}

/** Runs benchmarks one after the other, printing each table; `--json FILE` keeps the figures. */
export async function runBenches(benches: readonly Bench[]): Promise<void> {
  const { values } = parseArgs(commandLine);
  // As the programs do.
  letHeapGrow();
  const { version: node, platform } = process;
  const machine = { ...readMachine(), node, platform, measures: measuredCode() };
  const reports: BenchReport[] = [];
  for (const bench of benches) {
    const report = await bench();
    reports.push(report);
    process.stdout.write(
      `\n${report.title}\n${report.about}\n\n${renderTable(report.columns, report.rows)}\n`,
    );
    if (values.json !== undefined) {
      const kept = reports.map(({ title, about, figures }) => ({ title, about, figures }));
      writeFileSync(values.json, `${JSON.stringify({ machine, benches: kept }, null, 2)}\n`);
    }
  }
}

/** Whether what is built is measured, see `built.mjs`, or the source as it is compiled on the way. */
function measuredCode(): 'dist' | 'src' {
  return import.meta.resolve('../src/clock.ts').endsWith('/dist/clock.js') ? 'dist' : 'src';
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2;
}

export function ratio(value: number): string {
  return Number.isFinite(value) ? `${value.toFixed(2)}x` : '-';
}

/** True when a file was started as the program and not imported. */
export function isMain(url: string): boolean {
  return process.argv[1] !== undefined && url === new URL(`file://${process.argv[1]}`).href;
}
