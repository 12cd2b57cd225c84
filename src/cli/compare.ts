import { Command } from 'commander';
import type { RunResult } from '../serving/run-result.ts';
import { formatSlo } from '../slo.ts';
import type { ModelCliOptions, ObjectiveCliOptions, OutputCliOptions } from './options.ts';
import {
  addEngineOptions,
  addInputOption,
  addLabelsOption,
  addObjectiveOptions,
  addOutputOptions,
  scalerHelp,
  sloFrom,
} from './options.ts';
import type { PowerCliOptions } from './power-options.ts';
import { addPowerOptions } from './power-options.ts';
import { figureOfRuns } from '../experiments/report/surface-figure.ts';
import { parsePlotFile, writePlot } from './plot.ts';
import { compareTable, describeInput } from './result-text.ts';
import { outcomeOf } from './open-model.ts';
import { runScaler } from './run-scaler.ts';
import { splitScalers } from './scaler-list.ts';
import { writeTimeSeries } from './time-series.ts';
import { withMeteredModel } from './with-model.ts';

type CompareCliOptions = ModelCliOptions &
  ObjectiveCliOptions &
  PowerCliOptions &
  OutputCliOptions & { readonly scalers: readonly string[]; readonly plot?: string };

/** `dnnscaler compare`: several scalers on one model, one after the other. */
export function compareCommand(): Command {
  const command = new Command('compare')
    .description('run several scalers on one model, in turn, and compare what they reach')
    .argument('<model>', 'an ONNX file, or zoo:NAME')
    .option(
      '--scalers <list>',
      `the scalers, separated by semicolons or spaces; ${scalerHelp}`,
      splitScalers,
      splitScalers('auto dnnscaler clipper fixed:1,1'),
    );
  addObjectiveOptions(command, '30s');
  addPowerOptions(command);
  addEngineOptions(command);
  addInputOption(command);
  addLabelsOption(command);
  addOutputOptions(command);
  return command
    .option(
      '--plot <file>',
      'draw the points measured and the path of each scaler: .html or .svg',
      parsePlotFile,
    )
    .addHelpText(
      'after',
      `
The duration is that of each scaler. Exit status: 0 when all have run, whatever they reached.

Examples:
  $ dnnscaler compare zoo:multvae_ml20m --slo 50ms
  $ dnnscaler compare model.onnx --slo 50ms --scalers "auto batching multi-tenancy fixed:1,1"
  $ dnnscaler compare model.onnx --slo 50ms --scalers "joint dnnscaler" --plot paths.html`,
    )
    .action(compare);
}

async function compare(model: string, options: CompareCliOptions): Promise<void> {
  const slo = sloFrom(options);
  const quiet = options.quiet === true;
  const { name, results, input, accuracy } = await withMeteredModel(
    model,
    options,
    quiet,
    async (opened, interrupts, power) => {
      const finished: RunResult[] = [];
      for (const scaler of options.scalers) {
        if (interrupts.pending) break;
        finished.push(
          await runScaler(opened, {
            scaler,
            slo,
            durationMs: options.duration,
            interrupts,
            quiet,
            objective: options.objective,
            power,
          }),
        );
      }
      return { name: opened.name, results: finished, ...outcomeOf(opened) };
    },
  );
  if (options.csv !== undefined) await writeTimeSeries(options.csv, results);
  if (options.plot !== undefined) {
    await writePlot(options.plot, {
      title: `${name}: the points that the scalers went to`,
      about: `${formatSlo(slo)}. Each rectangle is an operating point that was measured; numbers count the steps of the first scaler.`,
      figure: figureOfRuns(results),
    });
  }
  if (options.json === true) {
    process.stdout.write(
      `${JSON.stringify({ model: name, slo, runs: results, input, accuracy }, null, 2)}\n`,
    );
    return;
  }
  const notes = new Set(results.flatMap((result) => result.notes));
  process.stdout.write(
    `${[
      `${name} on ${results[0]?.engine ?? ''}, ${formatSlo(slo)}; ratios to the first line`,
      '',
      compareTable(results),
      ...[...notes].map((note) => `note: ${note}`),
      ...describeInput(input, accuracy),
    ].join('\n')}\n`,
  );
}
