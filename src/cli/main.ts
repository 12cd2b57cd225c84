#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { toDnnScalerError } from '../errors.ts';
import { compareCommand } from './compare.ts';
import { errorExitCodes } from './exit-codes.ts';
import { leaveIfHung } from './interrupt.ts';
import { estimateCommand } from './estimate.ts';
import { loadCommand } from './load.ts';
import { planCommand } from './plan.ts';
import { packageVersion } from './package-version.ts';
import { profileCommand } from './profile.ts';
import { reproduceCommand } from './reproduce.ts';
import { runCommand } from './run.ts';
import { serveCommand } from './serve.ts';
import { simulateCommand } from './simulate.ts';
import { zooCommand } from './zoo.ts';

const usageExitCode = 2;

const commands = [
  runCommand(),
  serveCommand(),
  loadCommand(),
  compareCommand(),
  profileCommand(),
  zooCommand(),
  estimateCommand(),
  simulateCommand(),
  planCommand(),
  reproduceCommand(),
];

async function main(): Promise<void> {
  const program = new Command('dnnscaler')
    .description(
      'Serve a neural network under a latency objective, at the highest throughput: ' +
        'finds out whether Batching or Multi-Tenancy helps it more here, and scales that.',
    )
    .version(packageVersion(), '-v, --version')
    .option('--stack', 'print stack traces of errors')
    .showHelpAfterError('(--help shows the options, with examples)');
  for (const command of commands) {
    program.addCommand(command);
  }
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

await main();
leaveIfHung();
