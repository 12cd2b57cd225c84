import { Command } from 'commander';
import { formatPoint } from '../operating-point.ts';
import { Profiler, describeProfile } from '../scaling/profiler.ts';
import type { ProfileReport } from '../scaling/scaler.ts';
import { formatMs, formatPerS } from '../units.ts';
import { measurePoints } from './measure-points.ts';
import type { OpenedModel } from './open-model.ts';
import type { ModelCliOptions, OutputCliOptions } from './options.ts';
import { addEngineOptions, addInputOption, durationOption } from './options.ts';
import { requireWritable, writeInTurn } from './output-file.ts';
import type { CurveReport } from './profile-estimate.ts';
import { describeCurve, measureCurve, writeCurvePlot } from './profile-estimate.ts';
import type { MeasuredSurface } from './profile-surface.ts';
import { describeSurface, interruptedAt, measureSurface, writeSurface } from './profile-surface.ts';
import { keepProfile } from './profiles.ts';
import { renderTable } from './text-table.ts';
import { withModel } from './with-model.ts';

type ProfileCliOptions = ModelCliOptions &
  Pick<OutputCliOptions, 'json' | 'quiet'> & {
    readonly pointTime: number;
    readonly estimate?: boolean;
    readonly plot?: string;
    readonly surface?: string;
  };

/** `dnnscaler profile`: which knob helps this network more on this machine. */
export function profileCommand(): Command {
  const command = new Command('profile')
    .description('measure throughput at (1,1), (32,1) and (1,8) and say which knob helps more')
    .argument('<model>', 'an ONNX file, or zoo:NAME')
    .addOption(durationOption('--point-time', 'time to measure at each point, at least', '2s'))
    .option('--estimate', 'measure every count of instances, beside what two of them estimate')
    .option('--plot <file>', 'with --estimate: draw both curves as an SVG file')
    .option(
      '--surface <file>',
      'measure batch sizes by instances, and write them (those measured, after Ctrl-C) as CSV for simulate and plan',
    );
  addEngineOptions(command);
  addInputOption(command);
  return command
    .option('--json', 'print one JSON object on standard output')
    .option('--quiet', 'show no progress')
    .addHelpText(
      'after',
      `
Probes are bounded by what the engine can do: on the CPU instances go up to the cores.

Examples:
  $ dnnscaler profile zoo:mobilenet_v1_100
  $ dnnscaler profile zoo:mobilenet_v1_025 --max-instances 10 --estimate --plot curve.svg
  $ dnnscaler profile model.onnx --shape input=1,128 --surface surface.csv --json`,
    )
    .action(profile);
}

interface ProfileOutput {
  readonly model: string;
  readonly engine: string;
  readonly profile: ProfileReport;
  readonly curve: CurveReport | null;
  /** Measured for --surface; null without it. */
  readonly measured: MeasuredSurface | null;
  readonly notes: readonly string[];
}

async function profile(model: string, options: ProfileCliOptions): Promise<void> {
  const { plot, surface } = options;
  await requireWritable({ '--plot': plot, '--surface': surface });
  const quiet = options.quiet === true;
  const output = await withModel(model, options, quiet, async (opened, interrupts) => {
    const measuring = { pointMs: options.pointTime, interrupts, quiet };
    const { engine } = opened;
    const profiler = new Profiler(engine.limits);
    for (const observation of await measurePoints(opened, profiler.points, measuring)) {
      profiler.record(observation);
    }
    const curve = options.estimate === true ? await measureCurve(opened, measuring) : null;
    await keep(opened, profiler, curve);
    const measured = surface === undefined ? null : await measureSurface(opened, measuring);
    const { notes } = engine.limits;
    const report = profiler.report();
    return {
      model: opened.name,
      engine: engine.name,
      profile: report,
      curve,
      measured,
      notes,
    };
  });
  const { points = [], wanted = 0 } = output.measured ?? {};
  if (options.json === true) {
    const { profile: report, measured: _, ...rest } = output;
    const surfaces = { surfacePoints: points.length, surfacePointsWanted: wanted };
    const json = { ...rest, ...surfaces, ...report };
    process.stdout.write(`${JSON.stringify(json, null, 2)}\n`);
  } else {
    process.stdout.write(`${describe(output, options)}\n`);
  }
  const { model: name, curve } = output;
  await writeInTurn(
    curve !== null && plot !== undefined && (() => writeCurvePlot(plot, name, curve)),
    surface !== undefined && points.length > 0 && (() => writeSurface(surface, name, points)),
    points.length < wanted && (() => Promise.reject(interruptedAt(points.length, wanted))),
  );
}

/** What was measured becomes part of the library for the networks to come. */
async function keep(
  model: OpenedModel,
  profiler: Profiler,
  curve: CurveReport | null,
): Promise<void> {
  const probed = [...profiler.readings('instances')].map(
    ([instances, { latencyMs }]): [number, number] => [instances, latencyMs],
  );
  const swept = curve?.cells.map(({ instances, measuredMs }): [number, number] => [
    instances,
    measuredMs,
  ]);
  await keepProfile(model, new Map(swept ?? probed));
}

function describe(output: ProfileOutput, { plot, surface }: ProfileCliOptions): string {
  const { probes } = output.profile;
  const base = probes[0]?.throughputPerS ?? Number.NaN;
  const table = renderTable(
    [
      { heading: 'probe' },
      { heading: 'throughput', align: 'right' },
      { heading: 'ratio', align: 'right' },
      { heading: 'p95', align: 'right' },
    ],
    probes.map(({ point, throughputPerS, latencyMs }) => [
      formatPoint(point),
      formatPerS(throughputPerS),
      `${(throughputPerS / base).toFixed(2)}x`,
      formatMs(latencyMs),
    ]),
  );
  return [
    `${output.model} on ${output.engine}`,
    '',
    table,
    '',
    describeProfile(output.profile),
    ...(output.curve === null ? [] : ['', describeCurve(output.curve)]),
    ...(output.curve === null || plot === undefined ? [] : [`plot: ${plot}`]),
    ...(output.measured === null ? [] : [describeSurface(output.measured, surface)]),
    ...output.notes.map((note) => `note: ${note}`),
  ].join('\n');
}
