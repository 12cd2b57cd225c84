import type { Clock } from '../../clock.ts';
import { openOnnxEngine } from '../../engines/onnx/onnx-engine.ts';
import type { OnnxEngineOptions } from '../../engines/onnx/options.ts';
import { DnnScalerError, toDnnScalerError } from '../../errors.ts';
import { Random } from '../../random.ts';
import type { Row } from '../../tensor/row.ts';
import type { Power } from '../../telemetry/power/open-power.ts';
import { syntheticSource } from '../../workload/row-source.ts';
import { cachedModel } from '../../zoo/cache.ts';
import { findNetwork } from '../../zoo/registry.ts';
import { measureNetwork } from './measure-network.ts';
import type { NetworkReport } from './network-report.ts';
import { improvements } from './network-report.ts';
import { TimeBudget } from './time-budget.ts';
import { measureYardstick } from './yardstick.ts';

/** The networks of the benchmark, quick ones first: what is slow gets what they leave. */
export const benchNetworks = [
  'mobilenet_v1_025',
  'dan_sst',
  'mobilenet_v1_100',
  'resnet_v2_50',
  'inception_v3',
] as const;

/** The SLO over the p95 latency of one row at one instance. */
export const sloFactor = 5;

export interface DeviceBenchOptions {
  readonly networks: readonly string[];
  readonly engine: Omit<OnnxEngineOptions, 'modelPath'>;
  readonly clock: Clock;
  /** Of everything, in ms. */
  readonly budgetMs: number;
  readonly power: Power;
  /** A Python for the yardstick, and its script; null for none. */
  readonly yardstick: { readonly python: string; readonly script: string } | null;
  readonly signal: AbortSignal;
  readonly onStep: (network: string, what: string) => void;
  /** Called before and after each network's yardstick, with all that there is so far. */
  readonly onReport: (reports: readonly NetworkReport[]) => Promise<void>;
}

/** Share of the time kept back for opening, closing and writing. */
const reserveShare = 0.04;
/** A network with less than this is not begun, in ms. */
const leastMs = 1000;
const sourceRows = 16;

/**
 * Measures the networks one after the other, each with its share of what time is left.
 *
 * @throws DnnScalerError `unavailable` or `unsupported` where the provider cannot be used at all
 */
export async function runDeviceBench(
  options: DeviceBenchOptions,
): Promise<readonly NetworkReport[]> {
  const { networks, clock, budgetMs, signal, onReport } = options;
  const total = new TimeBudget(clock, budgetMs * (1 - reserveShare));
  const reports: NetworkReport[] = [];
  // A name that is not known must take no time from those that are.
  const known = networks.filter((network) => {
    try {
      findNetwork(network);
      return true;
    } catch (thrown) {
      reports.push(skippedReport(network, toDnnScalerError(thrown).message));
      return false;
    }
  });
  for (const [i, network] of known.entries()) {
    if (signal.aborted) break;
    const budget = total.share(1 / (known.length - i));
    // Building and loading cannot be cut short, so they are not begun.
    if (budget.leftMs < leastMs) {
      reports.push(skippedReport(network, 'no time was left'));
      continue;
    }
    try {
      reports.push(
        await measureOne(options, network, budget, (report) => onReport([...reports, report])),
      );
    } catch (thrown) {
      const error = toDnnScalerError(thrown);
      const isProvider = error.code === 'unavailable' || error.code === 'unsupported';
      if (isProvider && reports.every(({ skipped }) => skipped !== undefined)) throw error;
      reports.push(skippedReport(network, error.message));
    }
    await onReport(reports);
  }
  await onReport(reports);
  return reports;
}

async function measureOne(
  options: DeviceBenchOptions,
  name: string,
  budget: TimeBudget,
  onMeasured: (report: NetworkReport) => Promise<void>,
): Promise<NetworkReport> {
  const { clock, power, signal, onStep, yardstick } = options;
  const network = findNetwork(name);
  onStep(name, 'building');
  const modelPath = await cachedModel(name);
  const random = new Random(1);
  onStep(name, 'loading');
  const engine = await openOnnxEngine({
    ...options.engine,
    modelPath,
    sampleRow: network.makeRow(random),
  });
  const rows = Array.from({ length: sourceRows }, () => network.makeRow(random));
  const closing = async (): Promise<void> => {
    await engine.close();
    if (engine.instances.some(({ state }) => state === 'hung')) {
      throw new DnnScalerError('deadline-exceeded', 'an instance hangs in the runtime');
    }
  };
  try {
    return await measureNetwork<Row, Row>({
      network: name,
      engine,
      source: syntheticSource((index) => rows[index % rows.length] as Row),
      ...{ clock, budget, sloFactor },
      meter: power.meter,
      yardstick: async (limitMs) =>
        yardstick === null
          ? { skipped: 'it was told to be off' }
          : measureYardstick({
              ...yardstick,
              ...{ network: name, limitMs, signal },
              batchSizes: yardstickBatchSizes,
              device: (options.engine.provider ?? 'cpu') === 'cpu' ? 'cpu' : 'cuda',
              pointMs: Math.min(1000, limitMs / 12),
            }),
      isStopping: () => signal.aborted,
      onMeasured,
      onStep: (what) => {
        onStep(name, what);
      },
    });
  } finally {
    await closing();
  }
}

/** In order of merit. */
const yardstickBatchSizes = [32, 1, 128, 8, 64, 16, 4, 2];

function skippedReport(network: string, skipped: string): NetworkReport {
  return {
    ...{ network, engine: '', slo: null, ...improvements([]), points: [], choices: {} },
    ...{ bestOfSweep: null, yardstick: { skipped: 'the network was' }, dropped: [], skipped },
  };
}
