import { Command } from 'commander';
import { DnnScalerError, toDnnScalerError } from '../errors.ts';
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
import { requireWritable, writeInTurn } from './output-file.ts';
import type { PowerCliOptions } from './power-options.ts';
import { addPowerOptions } from './power-options.ts';
import { figureOfRuns } from '../experiments/report/surface-figure.ts';
import { parsePlotFile, writePlot } from './plot.ts';
import { compareTable, describeInput } from './result-text.ts';
import { outcomeOf } from './open-model.ts';
import { runScaler, scalerFor } from './run-scaler.ts';
import { splitScalers } from './scaler-list.ts';
import { writeTimeSeries } from './time-series.ts';
import { withMeteredModel } from './with-model.ts';

type CompareCliOptions = ModelCliOptions &
  ObjectiveCliOptions &
  PowerCliOptions &
  OutputCliOptions & { readonly scalers?: readonly string[]; readonly plot?: string };

/** `dnnscaler compare`: several scalers on one model, one after the other. */
export function compareCommand(): Command {
  const command = new Command('compare')
    .description('run several scalers on one model, in turn, and compare what they reach')
    .argument('<model>', 'an ONNX file, or zoo:NAME')
    .option(
      '--scalers <list>',
      `the scalers, separated by semicolons or spaces (default: "auto dnnscaler clipper fixed:1,1", with the smallest batch that the model takes); ${scalerHelp}`,
      splitScalers,
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
  await requireWritable({ '--csv': options.csv, '--plot': options.plot });
  const quiet = options.quiet === true;
  const { name, results, failure, input, accuracy } = await withMeteredModel(
    model,
    options,
    quiet,
    async (opened, interrupts, power) => {
      const { objective, duration: durationMs } = options;
      const smallest = opened.engine.limits.minBatchSize;
      const scalers = options.scalers ?? ['auto', 'dnnscaler', 'clipper', `fixed:${smallest},1`];
      // All of them are looked at before the first one takes its time.
      for (const scaler of scalers) await scalerFor(opened, scaler, objective);
      const finished: RunResult[] = [];
      let failed: DnnScalerError | undefined;
      for (const scaler of scalers) {
        if (interrupts.pending) break;
        const running = { scaler, slo, durationMs, interrupts, quiet, objective, power };
        try {
          finished.push(await runScaler(opened, running));
        } catch (error) {
          if (finished.length === 0) throw error;
          const { code, message } = toDnnScalerError(error);
          failed = new DnnScalerError(code, `${scaler}: ${message}`, { cause: error });
          break;
        }
      }
      if (finished.length === 0) {
        throw new DnnScalerError('cancelled', 'interrupted before the first run began');
      }
      return { name: opened.name, results: finished, failure: failed, ...outcomeOf(opened) };
    },
  );
  if (options.json === true) {
    process.stdout.write(
      `${JSON.stringify({ model: name, slo, runs: results, input, accuracy }, null, 2)}\n`,
    );
  } else {
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
  // After the figures: a disk that is full, or a run that failed, must not cost those of the others.
  const { csv, plot } = options;
  await writeInTurn(
    csv !== undefined && (() => writeTimeSeries(csv, results)),
    plot !== undefined &&
      (() =>
        writePlot(plot, {
          title: `${name}: the points that the scalers went to`,
          about: `${formatSlo(slo)}. Each rectangle is an operating point that was measured; numbers count the steps of the first scaler.`,
          figure: figureOfRuns(results),
        })),
    failure !== undefined && (() => Promise.reject(failure)),
  );
}
