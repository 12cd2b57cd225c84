/**
 * `npm run bench:zoo`: every image network of the zoo on the real engine, CPU, under DNNScaler and
 * Clipper at an SLO of five times its latency at (1,1), with images decoded inside the calls and
 * beside them. Goes on where it was cut off; `--quick` for shorter runs.
 */
import { parseArgs } from 'node:util';
import { buildCached } from '../src/cli/open-model.ts';
import { Interrupts } from '../src/cli/interrupt.ts';
import { stepProgress } from '../src/cli/step-progress.ts';
import { renderTable } from '../src/cli/text-table.ts';
import { systemClock } from '../src/clock.ts';
import { letHeapGrow } from '../src/engines/heap-growth.ts';
import { openOnnxEngine } from '../src/engines/onnx/onnx-engine.ts';
import { DnnScalerError, toDnnScalerError } from '../src/errors.ts';
import { estimatorFor, machineSignature } from '../src/estimation/index.ts';
import type { ImageRun } from '../src/experiments/machine/run-images.ts';
import { runNetwork } from '../src/experiments/machine/run-network.ts';
import { StateFile } from '../src/experiments/machine/state-file.ts';
import { synthesizedFolder } from '../src/experiments/machine/synthesized-folder.ts';
import { loadPaperJobs } from '../src/experiments/paper-data.ts';
import { approachName } from '../src/experiments/why.ts';
import { formatPoint } from '../src/operating-point.ts';
import type { Approach } from '../src/scaling/scaler.ts';
import { preprocessingModes } from '../src/serving/images-on-engine.ts';
import type { RunResult } from '../src/serving/run-result.ts';
import { formatMs, formatPerS, parseDurationMs } from '../src/units.ts';
import { writeTextFile } from '../src/zoo/model-file.ts';
import { findNetwork, zooNetworks } from '../src/zoo/registry.ts';
import { ratio } from './harness.ts';

const sloFactor = 5;
const seed = 1;
const scalers = ['dnnscaler', 'clipper'];
/** Bounds of one run, by the speed of the network; there are four for each network. */
const bounds = {
  full: { shortestMs: 10_000, longestMs: 60_000 },
  quick: { shortestMs: 5_000, longestMs: 20_000 },
};

const usage =
  'npm run bench:zoo -- [--networks a,b] [--quick] [--duration 20s] [--images 200] [--input DIR] ' +
  '[--state FILE] [--fresh] [--json FILE]';

const { values } = readArguments();

function readArguments() {
  try {
    return parseArgs({
      options: {
        help: { type: 'boolean', default: false },
        networks: { type: 'string' },
        quick: { type: 'boolean', default: false },
        fresh: { type: 'boolean', default: false },
        duration: { type: 'string' },
        images: { type: 'string', default: '200' },
        input: { type: 'string' },
        state: { type: 'string', default: 'out/bench-zoo.json' },
        json: { type: 'string' },
      },
    });
  } catch (thrown) {
    process.stderr.write(`error: ${(thrown as Error).message}\n${usage}\n`);
    process.exit(2);
  }
}

interface NetworkRow {
  readonly network: string;
  readonly run: ImageRun;
}

async function main(): Promise<void> {
  letHeapGrow();
  if (values.help) {
    process.stdout.write(`${usage}\n`);
    return;
  }
  const networks = zooNetworks
    .filter(({ image }) => image !== undefined)
    .filter(({ name }) => wanted()?.includes(name) ?? true);
  const count = Number(values.images);
  const duration = {
    ...bounds[values.quick ? 'quick' : 'full'],
    ...(values.duration !== undefined && {
      durationMs: parseDurationMs(values.duration, '--duration'),
    }),
  };
  // Networks are no setting: any of them can be added to what is there.
  const settings = { machine: machineSignature(), input: values.input ?? count, seed, duration };
  const state = await StateFile.open<ImageRun>(values.state, settings, values.fresh);
  const interrupts = new Interrupts();
  const progress = stepProgress(process.stderr);
  const isCancelled = (): boolean => interrupts.pending;
  const rows: NetworkRow[] = [];
  const failures: string[] = [];
  try {
    for (const [index, network] of networks.entries()) {
      const onProgress = (what: string): void => {
        progress.update(index, networks.length, `${network.name}: ${what}`);
      };
      const runs = await runNetwork({
        ...{
          network,
          key: network.name,
          modes: preprocessingModes,
          scalers,
          seed,
          state,
          duration,
        },
        clock: systemClock,
        estimate: estimatorFor(),
        slo: { factor: sloFactor },
        isCancelled,
        onStoppable: (stop) => {
          interrupts.handle(stop);
        },
        folder: () =>
          values.input === undefined
            ? synthesizedFolder({
                ...{ dataset: 'imagenet' as const, count, seed, isCancelled },
                onProgress: progress.update,
              })
            : Promise.resolve(values.input),
        openEngine: async () =>
          openOnnxEngine({ modelPath: await buildCached(network, process.stderr) }),
        onStep: (mode, what) => {
          onProgress(`${mode}, ${what}`);
        },
      }).catch((thrown: unknown) => {
        const error = toDnnScalerError(thrown);
        if (error.code === 'cancelled') throw error;
        // The others are worth having; another start tries this one again.
        failures.push(`${network.name}: ${error.message}`);
        return [];
      });
      rows.push(...runs.map((run) => ({ network: network.name, run })));
    }
  } finally {
    progress.end();
    interrupts.dispose();
    if (rows.length > 0) await report(rows);
  }
  if (failures.length > 0) {
    throw new DnnScalerError('internal', `not measured: ${failures.join('; ')}`);
  }
}

function wanted(): readonly string[] | undefined {
  const names = values.networks?.split(',').map((name) => findNetwork(name.trim()).name);
  return names;
}

async function report(rows: readonly NetworkRow[]): Promise<void> {
  const right = (heading: string) => ({ heading, align: 'right' }) as const;
  const table = renderTable(
    [
      { heading: 'network' },
      { heading: 'decoding' },
      right('(1,1)'),
      right('SLO'),
      right('TI_B'),
      right('TI_MT'),
      { heading: 'approach' },
      ...scalers.flatMap((name) => [
        { heading: name },
        right('rate'),
        right('p95'),
        { heading: 'SLO' },
      ]),
      right('ratio'),
    ],
    rows.map(({ network, run }) => [
      network,
      run.mode,
      formatMs(run.baseMs),
      formatMs(run.sloMs),
      percent(run.runs.dnnscaler?.profile?.tiBatchingPercent),
      percent(run.runs.dnnscaler?.profile?.tiMultiTenancyPercent),
      approachName(approachOf(run)),
      ...scalers.flatMap((name) => outcomeCells(run.runs[name])),
      ratio(ratioOf(run)),
    ]),
  );
  process.stdout.write(
    `\n${machineSignature()}; SLO ${sloFactor} times the median latency at (1,1) of each line\n` +
      `* the point was still moving at the end: figures of the last half of the run\n\n${table}\n\n`,
  );
  const verdicts = [...new Set(rows.map(({ network }) => network))].map((network) =>
    verdictOf(
      network,
      rows.filter((row) => row.network === network).map(({ run }) => run),
    ),
  );
  process.stdout.write(`${verdicts.map(({ text }) => text).join('\n')}\n`);
  for (const mode of preprocessingModes) {
    const known = verdicts.flatMap(({ same }) => same[mode] ?? []);
    const agreeing = known.filter(Boolean).length;
    process.stdout.write(
      `${mode}: the approach of the authors' P40 scripts in ${agreeing} of ${known.length} networks and datasets\n`,
    );
  }
  if (values.json !== undefined) {
    const figures = rows.map(({ network, run: { runs, ...run } }) => ({
      network,
      ...run,
      runs: Object.fromEntries(
        Object.entries(runs).map(([name, { windows: _windows, ...result }]) => [name, result]),
      ),
    }));
    const content = { machine: machineSignature(), sloFactor, seed, figures };
    await writeTextFile(values.json, `${JSON.stringify(content, null, 2)}\n`);
  }
}

/** Which way a network went and by how much, and what the authors' scripts name for it. */
function verdictOf(
  network: string,
  runs: readonly ImageRun[],
): { readonly text: string; readonly same: Record<string, readonly boolean[]> } {
  const jobs = loadPaperJobs().filter((job) => job.network === network);
  const same: Record<string, readonly boolean[]> = {};
  const here = runs.map((run) => {
    const profile = run.runs.dnnscaler?.profile;
    const approach = approachOf(run);
    if (!profile || approach === null) return `${run.mode}: ended before its probes were measured`;
    const margin = Math.abs(profile.tiMultiTenancyPercent - profile.tiBatchingPercent);
    same[run.mode] = jobs.map(({ seedApproach }) => seedApproach === approach);
    return `${run.mode}: ${approachName(approach)} by ${margin.toFixed(0)} points`;
  });
  const there = jobs.map(
    ({ dataset, seedApproach }) => `${approachName(seedApproach)} (${dataset})`,
  );
  const seedText = there.length === 0 ? 'none published' : [...new Set(there)].join(', ');
  return { text: `${network}: ${here.join('; ')}. On the authors' P40: ${seedText}`, same };
}

function approachOf({ runs }: ImageRun): Approach | null {
  return runs.dnnscaler?.approach ?? null;
}

function ratioOf({ runs }: ImageRun): number {
  return (
    (runs.dnnscaler?.throughputPerS ?? Number.NaN) / (runs.clipper?.throughputPerS ?? Number.NaN)
  );
}

function outcomeCells(result: RunResult | undefined): readonly string[] {
  if (result === undefined) return ['-', '-', '-', '-'];
  const { batchSize, instances } = result.operatingPoint;
  return [
    formatPoint({ batchSize, instances }) + (result.steady ? '' : ' *'),
    formatPerS(result.throughputPerS),
    formatMs(result.latencyMs.p95),
    result.verdict,
  ];
}

function percent(value: number | undefined): string {
  return value === undefined ? '-' : `${value < 0 ? '' : '+'}${value.toFixed(0)}%`;
}

try {
  await main();
} catch (thrown) {
  const error = toDnnScalerError(thrown);
  process.stderr.write(`error: ${error.message}\n`);
  process.exitCode = error.code === 'cancelled' ? 130 : 1;
}
