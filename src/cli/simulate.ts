import { Command } from 'commander';
import { estimatorFor } from '../estimation/index.ts';
import { formatPoint } from '../operating-point.ts';
import { createScaler } from '../scaling/create-scaler.ts';
import type { RunResult } from '../serving/run-result.ts';
import type { Oracle } from '../simulator/oracle.ts';
import { findOracle } from '../simulator/oracle.ts';
import { simulate } from '../simulator/simulate.ts';
import { surfaceEngine } from '../simulator/surface-engine.ts';
import type { Surface } from '../simulator/surface.ts';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import type { Slo } from '../slo.ts';
import { formatSlo, makeSlo, percentileName } from '../slo.ts';
import { formatMs, formatPerJoule, formatPerS, formatShare } from '../units.ts';
import { verdictExitCodes } from './exit-codes.ts';
import { windowLine } from './live-frame.ts';
import type { ObjectiveCliOptions, OutputCliOptions } from './options.ts';
import { addObjectiveOptions, parseSeed, scalerHelp, sloFrom } from './options.ts';
import type { PowerCliOptions } from './power-options.ts';
import { addObjectiveOption, noMeter } from './power-options.ts';
import { figureOfSurface } from '../experiments/report/surface-figure.ts';
import { requireWritable, writeInTurn } from './output-file.ts';
import { parsePlotFile, writePlot } from './plot.ts';
import { readSurface } from './read-surface.ts';
import { summarize } from './result-text.ts';
import type { ScenarioCliOptions } from './scenario-options.ts';
import { addScenarioOptions, imperfectionsFrom } from './scenario-options.ts';
import { writeTimeSeries } from './time-series.ts';

type SimulateCliOptions = ObjectiveCliOptions &
  Pick<OutputCliOptions, 'json' | 'csv'> &
  ScenarioCliOptions &
  Pick<PowerCliOptions, 'objective'> & {
    readonly network?: string;
    readonly scaler: string;
    readonly seed: number;
    readonly plot?: string;
  };

/** `dnnscaler simulate`: the real serving code on measured latencies, in virtual time. */
export function simulateCommand(): Command {
  const command = new Command('simulate')
    .description('run a scaler on a measured latency surface, in virtual time')
    .argument('<surface>', 'a CSV file: network,batch_size,instances,latency_ms[,power_watts]')
    .option('--network <name>', 'the network; needed when the file holds several')
    .option('--scaler <name>', scalerHelp, 'auto');
  addObjectiveOptions(command, '120s');
  addObjectiveOption(command);
  command.option('--seed <n>', 'seed of everything that is left to chance', parseSeed, 1);
  addScenarioOptions(command);
  return command
    .option('--json', 'print one JSON object on standard output')
    .option('--csv <file>', 'write the time series to a file')
    .option(
      '--plot <file>',
      "draw the surface, the path taken and the oracle's point: .html or .svg",
      parsePlotFile,
    )
    .addHelpText(
      'after',
      `
The duration is virtual. The same seed gives the same result, to the byte. The oracle is the best
operating point of the surface: the highest throughput (or throughput per watt) over integer batches up to 128 and measured
counts of instances whose call latency at the SLO's percentile is at most SLO / 1.02.

Exit status: 0 the SLO was held, 1 it was not though a point could, or the
run was too short to tell, 3 no point is likely to, 2 bad usage.

Examples:
  $ dnnscaler simulate data/a100-surface.csv --network resnet50 --slo 50ms --noise 0.05
  $ dnnscaler simulate surface.csv --slo 50ms --scaler clipper --drift 1.5@60s --json
  $ dnnscaler simulate surface.csv --slo 50ms --scaler joint --noise 0.05 --plot path.html`,
    )
    .action(run);
}

async function run(file: string, options: SimulateCliOptions): Promise<void> {
  const slo = sloFrom(options);
  await requireWritable({ '--csv': options.csv, '--plot': options.plot });
  const surface = await readSurface(file, options.network);
  const result = await simulateOn(surface, slo, options);
  const finalSlo = makeSlo(options.sloStep?.value ?? slo.limitMs, slo.percentile);
  const { objective, noise: noiseSigma } = options;
  const oracle = findOracle(surface, finalSlo, { noiseSigma, objective });
  const report = { network: surface.network, seed: options.seed, ...result, oracle };
  process.stdout.write(
    options.json === true
      ? `${JSON.stringify(report, null, 2)}\n`
      : `${describe(surface.network, result, oracle)}\n`,
  );
  const { csv, plot } = options;
  await writeInTurn(
    csv !== undefined && (() => writeTimeSeries(csv, [result])),
    plot !== undefined &&
      (() =>
        writePlot(plot, {
          title: `${surface.network}: where ${result.scaler} went`,
          about: `${formatSlo(finalSlo)}, simulated with ${(100 * options.noise).toFixed(0)}% noise. Numbers count the steps; the oracle's point is the best of all.`,
          figure: figureOfSurface(surface, finalSlo, options.noise, [result]),
        })),
  );
  process.exitCode = verdictExitCodes[result.verdict];
}

function simulateOn(surface: Surface, slo: Slo, options: SimulateCliOptions): Promise<RunResult> {
  const clock = new VirtualClock();
  const engine = surfaceEngine(surface, {
    clock,
    seed: options.seed,
    ...imperfectionsFrom(options),
  });
  const { objective } = options;
  if (objective === 'throughput-per-watt' && engine.meter === undefined) {
    throw noMeter('the surface needs a power_watts on every line of the network');
  }
  const { limits, meter } = engine;
  const scaler = createScaler(options.scaler, { limits, estimate: estimatorFor(), objective });
  return simulate({
    clock,
    engine,
    scaler,
    slo,
    durationMs: options.duration,
    ...(meter && { meter }),
    arrange: (trial) => {
      const { sloStep } = options;
      if (sloStep === undefined) return;
      clock.setTimer(sloStep.atMs, () => {
        trial.deployment.setSlo(makeSlo(sloStep.value, slo.percentile));
      });
    },
  });
}

/** Every decision that changed something, the figures of steady state, and the oracle's. */
function describe(network: string, result: RunResult, oracle: Oracle | null): string {
  const { windows, slo } = result;
  const decisions = windows.filter(
    (window, i) => window.decision !== 'hold' || windows[i - 1]?.decision !== 'hold',
  );
  return [
    ...decisions.map((window) => windowLine(window, slo.percentile)),
    '',
    summarize(network, result),
    `  oracle       ${describeOracle(result, oracle)}`,
  ].join('\n');
}

function describeOracle(
  { slo, throughputPerS, throughputPerWatt }: RunResult,
  oracle: Oracle | null,
): string {
  if (oracle === null) return 'no operating point of this surface can hold this SLO';
  const percentile = percentileName(slo.percentile);
  const { powerWatts } = oracle;
  const perWatt =
    powerWatts === undefined || throughputPerWatt === null
      ? ''
      : `, ${formatPerJoule(oracle.throughputPerS / powerWatts)}; reached ${formatShare((throughputPerWatt * powerWatts) / oracle.throughputPerS)} of that`;
  return (
    `${formatPerS(oracle.throughputPerS)} at ${formatPoint(oracle)}, ` +
    `${percentile} ${formatMs(oracle.controlledMs)}; reached ${formatShare(throughputPerS / oracle.throughputPerS)} of it${perWatt}`
  );
}
