import { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { DnnScalerError } from '../errors.ts';
import type { OperatingPoint } from '../operating-point.ts';
import { formatPoint } from '../operating-point.ts';
import { Profiler, describeProfile } from '../scaling/profiler.ts';
import type { Observation, ProfileReport } from '../scaling/scaler.ts';
import { runSweep } from '../serving/sweep.ts';
import { formatMs, formatPerS, parseDurationMs } from '../units.ts';
import type { Interrupts } from './interrupt.ts';
import type { OpenedModel } from './open-model.ts';
import type { EngineCliOptions, OutputCliOptions } from './options.ts';
import { addEngineOptions, durationParser } from './options.ts';
import { renderTable } from './text-table.ts';
import { withModel } from './with-model.ts';

type ProfileCliOptions = EngineCliOptions &
  Pick<OutputCliOptions, 'json' | 'quiet'> & { readonly pointTime: number };

/** `dnnscaler profile`: which knob helps this network more on this machine. */
export function profileCommand(): Command {
  const command = new Command('profile')
    .description('measure throughput at (1,1), (32,1) and (1,8) and say which knob helps more')
    .argument('<model>', 'an ONNX file, or zoo:NAME')
    .option(
      '--point-time <duration>',
      'time to measure at each point, at least',
      durationParser('--point-time'),
      parseDurationMs('2s', '--point-time'),
    );
  addEngineOptions(command);
  return command
    .option('--json', 'print one JSON object on standard output')
    .option('--quiet', 'show no progress')
    .addHelpText(
      'after',
      `
Probes are bounded by what the engine can do: on the CPU instances go up to the cores.

Examples:
  $ dnnscaler profile zoo:mobilenet_v1_100
  $ dnnscaler profile model.onnx --shape input=1,128 --json`,
    )
    .action(profile);
}

async function profile(model: string, options: ProfileCliOptions): Promise<void> {
  const quiet = options.quiet === true;
  const { name, engine, report, notes } = await withModel(
    model,
    options,
    quiet,
    async (opened, interrupts) => ({
      name: opened.name,
      engine: opened.engine.name,
      report: await measureProfile(opened, options.pointTime, interrupts, quiet),
      notes: opened.engine.limits.notes,
    }),
  );
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ model: name, engine, ...report, notes }, null, 2)}\n`);
    return;
  }
  const base = report.probes[0]?.throughputPerS ?? Number.NaN;
  const table = renderTable(
    [
      { heading: 'probe' },
      { heading: 'throughput', align: 'right' },
      { heading: 'ratio', align: 'right' },
      { heading: 'p95', align: 'right' },
    ],
    report.probes.map(({ point, throughputPerS, latencyMs }) => [
      formatPoint(point),
      formatPerS(throughputPerS),
      `${(throughputPerS / base).toFixed(2)}x`,
      formatMs(latencyMs),
    ]),
  );
  const lines = [`${name} on ${engine}`, '', table, '', describeProfile(report)];
  process.stdout.write(`${[...lines, ...notes.map((note) => `note: ${note}`)].join('\n')}\n`);
}

async function measureProfile(
  model: OpenedModel,
  pointMs: number,
  interrupts: Interrupts,
  quiet: boolean,
): Promise<ProfileReport> {
  const profiler = new Profiler(model.engine.limits);
  const observations = await measure(model, profiler.points, pointMs, interrupts, quiet);
  for (const observation of observations) profiler.record(observation);
  if (profiler.next() !== undefined) {
    throw new DnnScalerError('cancelled', 'interrupted before every probe was measured');
  }
  return profiler.report();
}

function measure(
  { engine, source }: OpenedModel,
  points: readonly OperatingPoint[],
  pointMs: number,
  interrupts: Interrupts,
  quiet: boolean,
): Promise<readonly Observation[]> {
  return runSweep({
    engine,
    source,
    clock: systemClock,
    points,
    pointMs,
    onPoint: ({ point, throughputPerS }, done, total) => {
      if (quiet) return;
      process.stderr.write(
        `${done}/${total}  ${formatPoint(point)}  ${formatPerS(throughputPerS)}\n`,
      );
    },
    onStoppable: (stop) => {
      interrupts.handle(stop);
    },
  });
}
