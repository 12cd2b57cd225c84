import { Command, InvalidArgumentError } from 'commander';
import type { Plan } from '../experiments/plan.ts';
import { planCapacity } from '../experiments/plan.ts';
import { formatPoint } from '../operating-point.ts';
import { defaultPercentile, formatSlo, makeSlo, percentileName } from '../slo.ts';
import { formatMs, formatPerS, formatShare } from '../units.ts';
import { verdictExitCodes } from './exit-codes.ts';
import { durationParser, parsePercentile, parseSeed } from './options.ts';
import { readSurface } from './read-surface.ts';
import { parseSigma } from './scenario-options.ts';

interface PlanCliOptions {
  readonly network?: string;
  readonly rate: number;
  readonly slo: number;
  readonly percentile: number;
  readonly headroom: number;
  readonly noise: number;
  readonly seed: number;
  readonly json?: boolean;
}

/** `dnnscaler plan`: how many machines a rate needs under an SLO. */
export function planCommand(): Command {
  return new Command('plan')
    .description('find the operating point and the machines that a rate of requests needs')
    .argument('<surface>', 'a CSV file: network,batch_size,instances,latency_ms')
    .option('--network <name>', 'the network; needed when the file holds several')
    .requiredOption('--rate <n>', 'requests per second to serve', parseRate)
    .requiredOption('--slo <duration>', 'latency objective, such as 50ms', durationParser('--slo'))
    .option(
      '--percentile <p>',
      'share of requests that must be within the SLO',
      parsePercentile,
      defaultPercentile,
    )
    .option('--headroom <percent>', 'growth of the rate that must fit', parseHeadroom, 0)
    .option('--noise <sigma>', 'lognormal noise of each call', parseSigma, 0)
    .option('--seed <n>', 'seed of arrivals and noise', parseSeed, 1)
    .option('--json', 'print one JSON object on standard output')
    .addHelpText(
      'after',
      `
The SLO is that of requests, from arrival to reply, queueing included, with Poisson arrivals split
among the machines by chance. The plan is tried out on the serving code in virtual time.

Exit status: 0 there is a plan, 3 no operating point can hold the SLO, 2 bad usage.

Examples:
  $ dnnscaler plan data/a100-surface.csv --network resnet50 --rate 5000 --slo 50ms
  $ dnnscaler plan surface.csv --rate 200 --slo 1s --headroom 25 --json`,
    )
    .action(run);
}

async function run(file: string, options: PlanCliOptions): Promise<void> {
  const slo = makeSlo(options.slo, options.percentile);
  const surface = await readSurface(file, options.network);
  const plan = planCapacity({
    surface,
    ratePerS: options.rate,
    slo,
    noiseSigma: options.noise,
    minHeadroom: options.headroom / 100,
    seed: options.seed,
  });
  const { network, notes } = surface;
  if (options.json === true) {
    const report = {
      network,
      feasible: plan !== null,
      ...(plan ?? { ratePerS: options.rate, slo }),
      notes,
    };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else if (plan === null) {
    process.stdout.write(
      `no operating point of ${network} holds ${formatSlo(slo)} for a lone request\n`,
    );
  } else {
    process.stdout.write(`${describe(network, plan, notes)}\n`);
  }
  process.exitCode = verdictExitCodes[plan === null ? 'infeasible' : 'held'];
}

function describe(network: string, plan: Plan, notes: readonly string[]): string {
  const { check, machines, slo } = plan;
  const percentile = percentileName(slo.percentile);
  return [
    `${network}, ${formatPerS(plan.ratePerS)} within ${formatSlo(slo)}`,
    `  machines     ${machines}, each at ${formatPoint(plan.operatingPoint)}`,
    `  headroom     ${plan.headroomPercent.toFixed(0)}%: a machine holds the SLO up to ${formatPerS(plan.sustainablePerMachineS)} and gets ${formatPerS(check.ratePerS)}`,
    `  checked      ${check.requests.toLocaleString('en-US')} simulated Poisson requests on one machine: ${formatShare(check.attainment)} within the SLO`,
    `  latency      p50 ${formatMs(check.latencyMs.p50)}, p95 ${formatMs(check.latencyMs.p95)}, p99 ${formatMs(check.latencyMs.p99)}, queueing included; ${percentile} is held`,
    `  load         instances busy ${formatShare(check.utilisation)} of the time, ${check.meanBatch.toFixed(1)} requests in a batch`,
    ...notes.map((note) => `  note         ${note}`),
  ].join('\n');
}

function parseRate(text: string): number {
  const rate = /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(rate > 0) || rate > 1e9) {
    throw new InvalidArgumentError(
      'It must be a number of requests per second over 0, such as 5000.',
    );
  }
  return rate;
}

function parseHeadroom(text: string): number {
  const percent = /^\d*\.?\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (!(percent >= 0 && percent <= 1000)) {
    throw new InvalidArgumentError('It must be a percentage from 0 to 1000, such as 25.');
  }
  return percent;
}
