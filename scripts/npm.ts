import { spawnSync } from 'node:child_process';
import { delimiter, dirname } from 'node:path';

export interface Ran {
  /** Exit code; null when it could not start, was killed or took too long. */
  readonly status: number | null;
  readonly stdout: string;
  /** Both streams, for messages. */
  readonly output: string;
}

/**
 * The environment of a shell of its own: without what `npm run` hands down (this project's
 * settings, ignore-scripts above all), and with `node` first on the path when one is given.
 */
export function cleanEnvironment(node?: string): NodeJS.ProcessEnv {
  const kept = ['npm_config_cache', 'npm_config_globalconfig', 'npm_config_userconfig'];
  const environment = Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^npm_/i.test(name) || kept.includes(name)),
  );
  if (node !== undefined) {
    environment.PATH = [dirname(node), process.env.PATH].join(delimiter);
  }
  return environment;
}

export function run(
  command: string,
  args: readonly string[],
  options: { cwd: string; env?: NodeJS.ProcessEnv; timeoutMs?: number },
): Ran {
  const { cwd, env = cleanEnvironment(), timeoutMs = 300_000 } = options;
  const ran = spawnSync(command, args, { cwd, env, timeout: timeoutMs, encoding: 'utf8' });
  // Null, whatever the types say, when the command could not start.
  const [stdout, stderr] = [ran.stdout, ran.stderr].map((text: string | null) => text ?? '') as [
    string,
    string,
  ];
  const failure = ran.error === undefined ? '' : `\n${ran.error.message}`;
  return { status: ran.status, stdout, output: `${stdout}${stderr}${failure}`.trim() };
}

/** Runs the npm that started this script, under another Node.js if one is given. */
export function npm(args: readonly string[], cwd: string, node: string = process.execPath): Ran {
  const cli = process.env.npm_execpath;
  if (cli === undefined || !/npm-cli\.c?js$/.test(cli)) {
    throw new Error('start this script with npm, as in "npm run test:package"');
  }
  const env = { ...cleanEnvironment(node), ONNXRUNTIME_NODE_INSTALL: 'skip' };
  return run(node, [cli, ...args], { cwd, env });
}
