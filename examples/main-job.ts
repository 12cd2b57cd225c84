/**
 * What `npm start` runs, in about two minutes: real photographs through a pretrained text detector
 * and records through a recommender, each under DNNScaler, Clipper and the fixed point (1,1).
 */
import { compareTable } from '../src/cli/result-text.ts';
import type { ModelCliOptions } from '../src/cli/options.ts';
import { runScaler } from '../src/cli/run-scaler.ts';
import { withModel } from '../src/cli/with-model.ts';
import { toDnnScalerError } from '../src/errors.ts';
import { describeProfile } from '../src/scaling/profiler.ts';
import type { RunResult } from '../src/serving/run-result.ts';
import { formatSlo, makeSlo } from '../src/slo.ts';
import type { Slo } from '../src/slo.ts';
import { ocrModel } from './ocr-models.ts';
import { photoFolder } from './photos.ts';

interface Job {
  readonly title: string;
  readonly model: string;
  readonly slo: Slo;
  readonly options: Partial<ModelCliOptions>;
}

const defaults: ModelCliOptions = {
  provider: 'cpu',
  threadsPerInstance: 'auto',
  shape: {},
  input: 'synthetic',
  seed: 1,
};

/** Time of each scaler; DNNScaler also has its network to profile. */
const durations = [
  { scaler: 'dnnscaler', durationMs: 26_000 },
  { scaler: 'clipper', durationMs: 18_000 },
  { scaler: 'fixed:1,1', durationMs: 6_000 },
];

async function jobs(): Promise<readonly Job[]> {
  return [
    {
      title: 'PP-OCRv4 text detector (pretrained, convolutional) on photographs of 320 x 320',
      model: ocrModel('detector'),
      slo: makeSlo(250),
      options: { input: await photoFolder(), shape: { x: [1, 3, 320, 320] } },
    },
    {
      title: 'Mult-VAE recommender (fully-connected) on records of 20,108 items',
      model: 'zoo:multvae_ml20m',
      slo: makeSlo(100),
      options: {},
    },
  ];
}

async function runJob(job: Job): Promise<readonly RunResult[]> {
  return withModel(
    job.model,
    { ...defaults, ...job.options },
    false,
    async (opened, interrupts) => {
      process.stderr.write(`\n${job.title}, ${formatSlo(job.slo)}\n\n`);
      const results: RunResult[] = [];
      for (const { scaler, durationMs } of durations) {
        const { slo } = job;
        results.push(
          await runScaler(opened, { scaler, slo, durationMs, interrupts, quiet: false }),
        );
        if (interrupts.pending) break;
      }
      return results;
    },
  );
}

function describe(job: Job, results: readonly RunResult[]): string {
  const first = results[0];
  const verdict =
    first?.profile && first.approach
      ? describeProfile({ ...first.profile, approach: first.approach })
      : 'ended before every probe was measured';
  const heading = `${job.title}, ${formatSlo(job.slo)}`;
  return `\n${heading}\n  ${verdict}\n\n${compareTable(results)}\n`;
}

try {
  const reports: string[] = [];
  for (const job of await jobs()) {
    const results = await runJob(job);
    reports.push(describe(job, results));
    if (results.length < durations.length) break;
  }
  process.stdout.write(reports.join('\n'));
} catch (thrown) {
  process.stderr.write(`error: ${toDnnScalerError(thrown).message}\n`);
  process.exitCode = 1;
}
