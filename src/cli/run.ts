import { Command } from 'commander';
import { verdictExitCodes } from './exit-codes.ts';
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
import { requireWritable } from './output-file.ts';
import type { PowerCliOptions } from './power-options.ts';
import { addPowerOptions } from './power-options.ts';
import { describeInput, summarize } from './result-text.ts';
import { outcomeOf } from './open-model.ts';
import { runScaler } from './run-scaler.ts';
import { writeTimeSeries } from './time-series.ts';
import { withMeteredModel } from './with-model.ts';

type RunCliOptions = ModelCliOptions &
  ObjectiveCliOptions &
  PowerCliOptions &
  OutputCliOptions & { readonly scaler: string };

/** `dnnscaler run`: serve one model in a closed loop and hold its SLO. */
export function runCommand(): Command {
  const command = new Command('run')
    .description('run a model under an SLO: find the operating point, and hold it')
    .argument('<model>', 'an ONNX file, or zoo:NAME')
    .option('--scaler <name>', scalerHelp, 'auto');
  addObjectiveOptions(command, '60s');
  addPowerOptions(command);
  addEngineOptions(command);
  addInputOption(command);
  addLabelsOption(command);
  addOutputOptions(command);
  return command
    .addHelpText(
      'after',
      `
Exit status: 0 the SLO was held, 1 it was not though a point could, or the
run was too short to tell, 3 no point is likely to, 2 bad usage.

Examples:
  $ dnnscaler run zoo:mobilenet_v1_100 --slo 100ms
  $ dnnscaler run model.onnx --slo 50ms --input photos/ --duration 2m --csv run.csv
  $ dnnscaler run model.onnx --slo 50ms --provider cuda --objective throughput-per-watt
  $ dnnscaler run model.onnx --slo 20ms --percentile 0.99 --scaler fixed:8,2 --json`,
    )
    .action(run);
}

async function run(model: string, options: RunCliOptions): Promise<void> {
  const slo = sloFrom(options);
  await requireWritable({ '--csv': options.csv });
  const quiet = options.quiet === true;
  const { name, result, input, accuracy } = await withMeteredModel(
    model,
    options,
    quiet,
    async (opened, interrupts, power) => ({
      name: opened.name,
      result: await runScaler(opened, {
        scaler: options.scaler,
        slo,
        durationMs: options.duration,
        interrupts,
        quiet,
        objective: options.objective,
        power,
      }),
      ...outcomeOf(opened),
    }),
  );
  if (options.json === true) {
    process.stdout.write(
      `${JSON.stringify({ model: name, ...result, input, accuracy }, null, 2)}\n`,
    );
  } else {
    process.stdout.write(
      `${[summarize(name, result), ...describeInput(input, accuracy)].join('\n')}\n`,
    );
  }
  // After the figures: a disk that is full must not cost them.
  if (options.csv !== undefined) await writeTimeSeries(options.csv, [result]);
  process.exitCode = verdictExitCodes[result.verdict];
}
