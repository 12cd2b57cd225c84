import { readFile, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { Logger } from 'pino';
import type { PreprocessingName } from '../datasets/image-signature.ts';
import { preprocessingHints } from '../datasets/image-signature.ts';
import { DnnScalerError, invalidArgument } from '../errors.ts';
import { letHeapGrow } from '../engines/heap-growth.ts';
import type { ModelServer } from '../server/model-server.ts';
import { FileCatalog, JoinedCatalog } from '../serving/models/file-catalog.ts';
import type { NamedModel } from '../serving/models/file-catalog.ts';
import { FolderCatalog } from '../serving/models/folder-catalog.ts';
import type { ModelCatalog } from '../serving/models/model-repository.ts';
import type { ModelDefaults } from '../serving/models/spec.ts';
import type { Power } from '../telemetry/power/open-power.ts';
import type { ZooNetwork } from '../zoo/network.ts';
import { findNetwork } from '../zoo/registry.ts';
import { Interrupts, noteHungThread } from './interrupt.ts';
import { buildCached, hintFor, zooPrefix } from './open-model.ts';
import type { EngineCliOptions, ObjectiveCliOptions } from './options.ts';
import {
  addEngineOptions,
  addSloOptions,
  durationParser,
  engineOptionsOf,
  parseCount,
  scalerHelp,
  sloFrom,
} from './options.ts';
import { packageVersion } from './package-version.ts';
import type { PowerCliOptions } from './power-options.ts';
import { addPowerOptions, requirePower, startPower } from './power-options.ts';
import { serverLog } from './server-log.ts';

type ServeCliOptions = EngineCliOptions &
  PowerCliOptions &
  Pick<ObjectiveCliOptions, 'slo' | 'percentile'> & {
    readonly scaler: string;
    readonly host: string;
    readonly port: number;
    readonly grpcPort: number;
    readonly grpc: boolean;
    readonly preprocessing?: PreprocessingName | 'none';
    readonly calibrate: number;
    readonly tokenFile?: string;
    readonly tlsCert?: string;
    readonly tlsKey?: string;
    readonly requireToken?: boolean;
    readonly allowHost: readonly string[];
    readonly allowOrigin: readonly string[];
    readonly maxBody: number;
    readonly maxQueue: number;
    readonly maxPixels: number;
    readonly log: 'auto' | 'text' | 'json';
    readonly verbose?: boolean;
  };

/** Holds the management token when `--token-file` does not name a file: never on a command line. */
const tokenVariable = 'DNNSCALER_TOKEN';

/** `dnnscaler serve`: an inference server that holds the SLO. */
export function serveCommand(): Command {
  const command = new Command('serve')
    .description('serve models over HTTP and gRPC (Open Inference Protocol) under an SLO')
    .argument('<models...>', 'ONNX files, zoo:NAME, or folders laid out as NAME/VERSION/model.onnx')
    .option('--scaler <name>', scalerHelp, 'auto');
  addSloOptions(command);
  command
    .option('--host <address>', 'address to listen on', '127.0.0.1')
    .option('--port <n>', 'port of HTTP; 0 takes any free one', parsePort, 8000)
    .option('--grpc-port <n>', 'port of gRPC; 0 takes any free one', parsePort, 8001)
    .option('--no-grpc', 'serve HTTP only')
    .addOption(
      new Option(
        '--preprocessing <name>',
        'how images become tensors (default: where it is certain)',
      ).choices([...Object.keys(preprocessingHints), 'none']),
    )
    .addOption(
      new Option(
        '--calibrate <duration>',
        'longest search for the operating point before a model is ready; 0s for none',
      )
        .argParser(parseCalibration)
        .default(20_000, '20s'),
    )
    .option('--token-file <file>', `file with the management token (or set ${tokenVariable})`)
    .option('--require-token', 'ask for the token on a loopback address, too, as behind a proxy')
    .option('--tls-cert <file>', 'certificate chain in PEM; needs --tls-key')
    .option('--tls-key <file>', 'its private key in PEM')
    .addOption(
      new Option('--allow-host <name>', 'a name clients may call the server by')
        .argParser(collect)
        .default([], 'none'),
    )
    .addOption(
      new Option('--allow-origin <origin>', 'a web origin that may change something')
        .argParser(collect)
        .default([], 'none'),
    )
    .option('--max-body <bytes>', 'largest request body', parseCount, 64 * 2 ** 20)
    .option('--max-queue <bytes>', 'what waiting requests may hold in all', parseCount, 2 ** 30)
    .option('--max-pixels <n>', 'largest image, in pixels', parseCount, 2 ** 26)
    .addOption(
      new Option('--log <format>', 'auto is text on a terminal, else JSON lines')
        .choices(['auto', 'text', 'json'])
        .default('auto'),
    )
    .option('--verbose', 'log every request and every decision');
  addPowerOptions(command);
  addEngineOptions(command, 'process');
  return command
    .addHelpText(
      'after',
      `
A folder's models may have a dnnscaler.json with slo, percentile, scaler, preprocessing, labels, shapes and more; changed files
are loaded again without losing a request. Ctrl-C answers what was accepted, then leaves.

Examples:
  $ dnnscaler serve zoo:mobilenet_v1_025 --slo 50ms
  $ dnnscaler serve detector.onnx --slo 100ms --shape x=1,3,320,320 --port 9000
  $ dnnscaler serve models/ --slo 50ms --host 0.0.0.0 --token-file token --tls-cert c.pem --tls-key k.pem`,
    )
    .action(serve);
}

async function serve(models: readonly string[], options: ServeCliOptions): Promise<void> {
  // Before anything is started: no child of this process need know it.
  const environmentToken = takeEnvironmentToken();
  letHeapGrow();
  const interrupts = new Interrupts();
  try {
    const interrupted = new Promise<void>((resolve) => {
      interrupts.handle(resolve);
    });
    const logger = serverLog(options.log, options.verbose === true);
    const power = await startPower(options);
    const server = await start(models, options, environmentToken, logger, power).catch(
      async (thrown: unknown) => {
        await power.close();
        throw thrown;
      },
    );
    try {
      logger.info({ http: server.httpUrl, grpc: server.grpcTarget }, 'listening');
      void power.ready.then((why) => {
        if (why !== null) logger.info(`power is not measured: ${why}`);
      });
      const failed = await Promise.race([server.loaded, interrupted.then(() => null)]);
      if (failed !== null) tellReadiness(server, failed, logger);
      await interrupted;
      logger.info('stopping: answering what was accepted');
    } finally {
      const hung = hasHungInstance(server);
      await server.stop();
      await power.close();
      if (hung) noteHungThread();
    }
    logger.info('stopped');
  } finally {
    interrupts.dispose();
  }
}

/** @throws DnnScalerError `invalid-argument` when no model could be loaded; the log says why */
function tellReadiness(server: ModelServer, failed: readonly string[], logger: Logger): void {
  if (failed.length === 0) {
    logger.info('ready');
    return;
  }
  if (server.repository.serving.length === 0) {
    // A server without a model helps nobody.
    const message = `no model could be loaded: ${failed.join(', ')}`;
    throw new DnnScalerError('invalid-argument', message);
  }
  logger.warn({ failed }, 'serving, but not ready: some models could not be loaded');
}

async function start(
  models: readonly string[],
  options: ServeCliOptions,
  environmentToken: string | undefined,
  logger: Logger,
  power: Power,
): Promise<ModelServer> {
  await requirePower(options.objective, power);
  const isOne = models.length === 1 && /^zoo:|\.onnx$/.test(models[0] ?? '');
  const defaults: ModelDefaults = {
    slo: sloFrom(options),
    scaler: options.scaler,
    objective: options.objective,
    engine: {
      ...engineOptionsOf(options),
      isolation: options.isolation ?? 'process',
      // With one model it can only be a slip.
      foreignShapes: isOne ? 'refused' : 'ignored',
    },
  };
  const { catalog, folders } = await catalogOf(models, options, defaults);
  const { tokenFile } = options;
  const managementToken =
    tokenFile === undefined ? environmentToken : (await readText(tokenFile, '--token-file')).trim();
  const tls = await tlsOf(options);
  const { host } = options;
  const security = {
    ...(managementToken !== undefined && { managementToken }),
    alwaysRequireToken: options.requireToken === true,
    ...(tls && { tls }),
  };
  // Loaded when needed: other commands start faster without it.
  const { startModelServer } = await import('../server/model-server.ts');
  return startModelServer({
    catalog,
    watched: folders,
    version: packageVersion(),
    http: {
      host,
      port: options.port,
      allowedHosts: options.allowHost,
      allowedOrigins: options.allowOrigin,
      limits: {
        maxBodyBytes: options.maxBody,
        maxBufferedBytes: Math.max(options.maxQueue, options.maxBody),
      },
      logRequests: options.verbose === true,
      ...security,
    },
    grpc: options.grpc
      ? {
          host,
          port: options.grpcPort,
          limits: {
            maxMessageBytes: options.maxBody,
            maxBufferedBytes: Math.max(options.maxQueue, options.maxBody),
          },
          ...security,
        }
      : null,
    maxQueueBytes: options.maxQueue,
    maxPixels: options.maxPixels,
    calibrateMs: options.calibrate,
    power,
    logger,
  });
}

/** Folders are repositories; everything else is a model of its own. */
async function catalogOf(
  models: readonly string[],
  options: ServeCliOptions,
  defaults: ModelDefaults,
): Promise<{ catalog: ModelCatalog; folders: FolderCatalog[] }> {
  const named: NamedModel[] = [];
  const folders: FolderCatalog[] = [];
  for (const model of models) {
    if (model.startsWith(zooPrefix)) {
      named.push(zooModel(model.slice(zooPrefix.length), options));
      continue;
    }
    const found = await stat(model).catch(() => undefined);
    if (found === undefined) {
      throw invalidArgument('MODEL', 'must be a file, a folder or zoo:NAME', model);
    }
    if (found.isDirectory()) folders.push(new FolderCatalog(model, defaults));
    else named.push(fileModel(model, options));
  }
  const catalog = new JoinedCatalog([new FileCatalog(named, defaults), ...folders]);
  if ((await catalog.sources()).length === 0) {
    throw invalidArgument('MODEL', 'must hold models as NAME/VERSION/model.onnx', models.join(' '));
  }
  return { catalog, folders };
}

/** Exported for the tests. */
export function zooModel(
  name: string,
  options: Pick<ServeCliOptions, 'preprocessing'>,
): NamedModel {
  const network = findNetwork(name);
  return {
    name: network.name,
    open: async () => ({
      modelPath: await buildCached(network, process.stderr.isTTY ? process.stderr : null),
      preprocessing: chosenPreprocessing(network, options),
      makeRow: (random) => network.makeRow(random),
    }),
  };
}

function fileModel(path: string, options: ServeCliOptions): NamedModel {
  return {
    name: basename(path).replace(/\.onnx$/, ''),
    open: () =>
      Promise.resolve({ modelPath: path, preprocessing: chosenPreprocessing(null, options) }),
  };
}

function chosenPreprocessing(
  network: ZooNetwork | null,
  { preprocessing }: Pick<ServeCliOptions, 'preprocessing'>,
) {
  return preprocessing === 'none' ? preprocessing : hintFor(network, preprocessing);
}

/** Removes the token from the environment; undefined where there is none. */
function takeEnvironmentToken(): string | undefined {
  const token = process.env[tokenVariable];
  Reflect.deleteProperty(process.env, tokenVariable);
  return token === '' ? undefined : token;
}

async function tlsOf({ tlsCert, tlsKey }: ServeCliOptions) {
  if (tlsCert === undefined && tlsKey === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    throw new DnnScalerError('invalid-argument', '--tls-cert and --tls-key must be given together');
  }
  return { cert: await readText(tlsCert, '--tls-cert'), key: await readText(tlsKey, '--tls-key') };
}

async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch {
    throw invalidArgument(what, 'must name a file that can be read', file);
  }
}

function hasHungInstance({ repository }: ModelServer): boolean {
  return repository.serving.some(({ engine }) =>
    engine.instances.some(({ state }) => state === 'hung'),
  );
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535) {
    throw new InvalidArgumentError('It must be an integer from 0 to 65535.');
  }
  return port;
}

const parseDuration = durationParser('--calibrate');

function parseCalibration(text: string): number {
  return /^0+(ms|s|m)?$/.test(text) ? 0 : parseDuration(text);
}

function collect(value: string, values: readonly string[]): readonly string[] {
  return [...values, value];
}
