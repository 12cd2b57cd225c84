#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { toDnnScalerError } from '../errors.ts';
import { endWithReader } from './closed-output.ts';
import { errorExitCodes } from './exit-codes.ts';
import { leaveIfHung } from './interrupt.ts';
import { packageVersion } from './package-version.ts';

const usageExitCode = 2;

/** The commands, in the order of the help. Each is loaded when asked for: some carry much along. */
const commands: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./run.ts')).runCommand(),
  serve: async () => (await import('./serve.ts')).serveCommand(),
  load: async () => (await import('./load.ts')).loadCommand(),
  compare: async () => (await import('./compare.ts')).compareCommand(),
  profile: async () => (await import('./profile.ts')).profileCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
  model: async () => (await import('./model.ts')).modelCommand(),
  zoo: async () => (await import('./zoo.ts')).zooCommand(),
  dataset: async () => (await import('./dataset.ts')).datasetCommand(),
  estimate: async () => (await import('./estimate.ts')).estimateCommand(),
  simulate: async () => (await import('./simulate.ts')).simulateCommand(),
  plan: async () => (await import('./plan.ts')).planCommand(),
  reproduce: async () => (await import('./reproduce.ts')).reproduceCommand(),
};

/** The command that is named, or all of them when none is: then it is help that is wanted. */
async function commandsFor(args: readonly string[]): Promise<readonly Command[]> {
  const named = args.find((arg) => !arg.startsWith('-'));
  const load = named !== undefined && Object.hasOwn(commands, named) ? commands[named] : undefined;
  if (load !== undefined) return [await load()];
  if (args.includes('--version') || args.includes('-v')) return [];
  return Promise.all(Object.values(commands).map((each) => each()));
}

async function main(): Promise<void> {
  const program = new Command('dnnscaler')
    .description(
      'Serve a neural network under a latency objective, at the highest throughput: ' +
        'finds out whether Batching or Multi-Tenancy helps it more here, and scales that.',
    )
    .version(packageVersion(), '-v, --version')
    .option('--stack', 'print stack traces of errors')
    .showHelpAfterError('(--help shows the options, with examples)');
  for (const command of await commandsFor(process.argv.slice(2))) program.addCommand(command);
  exitAsUsageError(program);
  try {
    await program.parseAsync();
  } catch (error) {
    process.exitCode = report(error, program.opts<{ stack?: boolean }>().stack === true);
  }
}

/** Makes commander throw instead of leaving, so that every way out passes through here. */
function exitAsUsageError(command: Command): void {
  command.exitOverride();
  command.configureOutput({
    outputError: (text, write) => {
      write(text);
    },
  });
  command.commands.forEach(exitAsUsageError);
}

function report(thrown: unknown, wantsStack: boolean): number {
  if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : usageExitCode;
  const error = toDnnScalerError(thrown);
  process.stderr.write(`error: ${error.message}\n`);
  if (wantsStack) process.stderr.write(`${(thrown as Error).stack ?? ''}\n`);
  return errorExitCodes[error.code];
}

endWithReader();
await main();
leaveIfHung();
