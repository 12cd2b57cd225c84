import { Command } from 'commander';
import { examine } from './doctor-report.ts';
import { doctorText } from './doctor-text.ts';
import { errorExitCodes } from './exit-codes.ts';
import { Interrupts } from './interrupt.ts';
import { durationOption } from './options.ts';
import { paintFor } from './style.ts';

interface DoctorCliOptions {
  readonly json?: boolean;
  readonly limit: number;
}

const narrowColumns = 100;

/** `dnnscaler doctor`: what this machine can do. */
export function doctorCommand(): Command {
  return new Command('doctor')
    .description('say what this machine can do: cores, memory, GPUs, and providers that really run')
    .option('--json', 'print one JSON object on standard output')
    .addOption(
      durationOption('--limit', 'how long a provider may take to load or run a small model', '60s'),
    )
    .addHelpText(
      'after',
      `
Each provider runs a small model in a process of its own; one that crashes or hangs is told of, and
the rest goes on.

Exit status: 0 the CPU provider works, 1 it does not.

Examples:
  $ dnnscaler doctor
  $ dnnscaler doctor --json | jq '.providers[] | select(.works) | .name'`,
    )
    .action(doctor);
}

async function doctor({ json, limit }: DoctorCliOptions): Promise<void> {
  const { stdout, stderr } = process;
  const shows = stderr.isTTY && json !== true;
  const clear = (): void => {
    if (shows) stderr.write('\r\x1b[K');
  };
  const stop = new AbortController();
  const interrupts = new Interrupts();
  interrupts.handle(() => stop.abort());
  const report = await examine({
    limitMs: limit,
    signal: stop.signal,
    onProgress(what) {
      clear();
      if (shows) stderr.write(`looking at ${what} ...`);
    },
  })
    .catch((error: unknown) => {
      clear();
      if (!stop.signal.aborted) throw error;
      stderr.write('interrupted\n');
      // The trial that was under way would keep this process until it ends.
      process.exit(errorExitCodes.cancelled);
    })
    .finally(() => {
      clear();
      interrupts.dispose();
    });
  const columns = stdout.isTTY ? stdout.columns : narrowColumns;
  stdout.write(
    json === true
      ? `${JSON.stringify(report, null, 2)}\n`
      : `${doctorText(report, paintFor(stdout), columns)}\n`,
  );
  const works = report.providers.some(({ name, works: ok }) => name === 'cpu' && ok);
  process.exitCode = works ? 0 : 1;
}
