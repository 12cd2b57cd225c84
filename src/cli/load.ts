import { Command } from 'commander';
import { systemClock } from '../clock.ts';
import { DnnScalerError, invalidArgument } from '../errors.ts';
import { imageRequests } from '../experiments/load/image-requests.ts';
import { inferTarget } from '../experiments/load/infer-target.ts';
import type { LoadRequests } from '../experiments/load/load-requests.ts';
import type { LoadResult } from '../experiments/load/load-result.ts';
import { LoadRun } from '../experiments/load/load-run.ts';
import { madeUpRequests } from '../experiments/load/made-up-requests.ts';
import { seriesCsv } from '../experiments/load/series-csv.ts';
import { windowLengthMs } from '../experiments/load/window-length.ts';
import { OipHttpClient } from '../oip/client/http-client.ts';
import type { ModelReference } from '../oip/client/http-client.ts';
import { formatSlo } from '../slo.ts';
import { formatMs } from '../units.ts';
import { verdictExitCodes } from './exit-codes.ts';
import { Interrupts } from './interrupt.ts';
import type { LoadCliOptions } from './load-options.ts';
import { addLoadOptions, choosePattern } from './load-options.ts';
import { summarizeLoadText } from './load-text.ts';
import { loadView } from './load-view.ts';
import { sloFrom } from './options.ts';
import { requireWritable, writeInTurn, writeOutput } from './output-file.ts';

/** `dnnscaler load`: requests to any server of the Open Inference Protocol, and what they met. */
export function loadCommand(): Command {
  const command = new Command('load')
    .description('put load on a model of any Open Inference Protocol server, and measure it')
    .argument('<url>', 'the server, such as http://localhost:8000');
  return addLoadOptions(command)
    .addHelpText(
      'after',
      `
In an open loop (--rate, --arrivals) latency counts from the time at which a request was meant to
arrive: a server that stalls cannot hide what it made wait. Shed are answers 429 and 503; they and
errors count as requests that were not answered within the SLO.

Exit status: 0 the SLO was held, 1 it was not, 2 bad usage.

Examples:
  $ dnnscaler load http://localhost:8000 --model mobilenet_v1_100 --rate 200 --slo 50ms
  $ dnnscaler load localhost:8000 --model bert --shape ids=1,128 --concurrency 8 --slo 100ms --json
  $ dnnscaler load https://models.example.com --model resnet50 --rate 500 --arrivals uniform \\
      --batch-size 4 --warmup 10s --duration 5m --slo 80ms --percentile 0.99 --report load.html
  $ dnnscaler load localhost:8000 --model m --arrivals trace:arrivals.csv --slo 50ms --csv load.csv
  $ dnnscaler load localhost:8000 --model mobilenet_v1_100 --input photos/ --rate 50 --slo 100ms`,
    )
    .action(load);
}

/** A load that has ended, and how it was made. */
interface FinishedLoad {
  /** What was loaded, and how. */
  readonly title: string;
  /** Name and value of each setting, for people. */
  readonly settings: readonly (readonly [name: string, value: string])[];
  readonly result: LoadResult;
}

async function load(url: string, options: LoadCliOptions, command: Command): Promise<void> {
  await requireWritable({ '--csv': options.csv, '--report': options.report });
  const hasDuration = command.getOptionValueSource('duration') !== 'default';
  const interrupts = new Interrupts();
  let finished: FinishedLoad;
  try {
    finished = await runLoad(url, options, hasDuration, interrupts);
  } finally {
    interrupts.dispose();
  }
  const { title, result, settings } = finished;
  const { model } = options;
  // Before the files: a disk that is full must not cost the figures.
  if (options.json === true) {
    const settingsByName = Object.fromEntries(settings);
    const report = { url, model, settings: settingsByName, ...result };
    process.stdout.write(`${JSON.stringify(report, null, 2)}\n`);
  } else {
    process.stdout.write(`${summarizeLoadText(title, result)}\n`);
  }
  const { csv, report } = options;
  await writeInTurn(
    csv !== undefined && (() => writeOutput('--csv', csv, seriesCsv(result.windows))),
    report !== undefined &&
      (async () => {
        // The chart library is large: only who wants charts waits for it.
        const { loadReportHtml } = await import('../experiments/load/report-page.ts');
        await writeOutput('--report', report, loadReportHtml({ model, url, settings, result }));
      }),
  );
  process.exitCode = verdictExitCodes[result.verdict];
}

async function runLoad(
  url: string,
  options: LoadCliOptions,
  hasDuration: boolean,
  interrupts: Interrupts,
): Promise<FinishedLoad> {
  const slo = sloFrom(options);
  const { pattern, description, lengthMs } = await choosePattern(options);
  const { warmup: warmupMs = 0, timeout: timeoutMs = Math.max(10_000, 10 * slo.limitMs) } = options;
  const durationMs =
    lengthMs !== undefined && !hasDuration ? lengthMs - warmupMs : options.duration;
  if (durationMs < 0) {
    throw invalidArgument('--warmup', 'must be shorter than the trace', formatMs(warmupMs));
  }
  const maxInFlight = pattern.kind === 'closed' ? pattern.concurrency : options.connections;
  const model: ModelReference = {
    name: options.model,
    ...(options.modelVersion !== undefined && { version: options.modelVersion }),
  };
  const client = new OipHttpClient({
    url,
    timeoutMs,
    maxConnections: maxInFlight,
    headers: options.header,
  });
  try {
    const requests = await makeRequests(client, model, options);
    if (interrupts.pending) {
      throw new DnnScalerError('cancelled', 'interrupted before the load began');
    }
    const totalMs = warmupMs + durationMs;
    const title = `${model.name} at ${url}: ${description}`;
    const view = loadView({
      title,
      totalMs,
      slo,
      clock: systemClock,
      stream: process.stderr,
      quiet: options.quiet === true,
    });
    const run = new LoadRun({
      target: inferTarget(client, model),
      source: requests.source,
      pattern,
      slo,
      clock: systemClock,
      durationMs,
      warmupMs,
      timeoutMs,
      maxInFlight,
      windowMs: windowLengthMs(totalMs),
      onWindow: view.onWindow,
    });
    interrupts.handle(() => {
      run.stop();
    });
    let result: LoadResult;
    view.begin(run);
    try {
      result = await run.start().finished;
    } finally {
      view.end();
    }
    return {
      title,
      settings: [
        ['load', description],
        ['objective', formatSlo(slo)],
        ['duration', formatMs(result.durationMs)],
        ['warm-up', warmupMs > 0 ? formatMs(warmupMs) : 'none'],
        ['request', requests.description],
        ['timeout', formatMs(timeoutMs)],
        ['connections', `${maxInFlight} at most`],
        ['seed', String(options.seed)],
      ],
      result: { ...result, notes: [...requests.notes, ...result.notes] },
    };
  } finally {
    await client.close();
  }
}

async function makeRequests(
  client: OipHttpClient,
  model: ModelReference,
  options: LoadCliOptions,
): Promise<LoadRequests> {
  const { input, seed, shape: shapes, batchSize } = options;
  // Asked in any case: a server that is away, or has no such model, is then told from a bad load.
  const metadata = await client.modelMetadata(model);
  if (input === 'synthetic') {
    const encoding = options.jsonTensors === true ? 'json' : 'binary';
    return madeUpRequests(metadata, { batchSize, shapes, encoding, seed });
  }
  if (batchSize !== undefined && batchSize > 1) {
    throw invalidArgument('--batch-size', 'must be 1 with images, each its own request', batchSize);
  }
  return imageRequests(input, seed);
}
