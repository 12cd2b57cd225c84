import { systemClock } from '../clock.ts';
import { DnnScalerError } from '../errors.ts';
import type { LibraryRow } from '../estimation/index.ts';
import {
  ProfileLibrary,
  estimatorFor,
  loadLibrary,
  machineSignature,
  modelContentHash,
} from '../estimation/index.ts';
import type { InstanceLatencyEstimator } from '../scaling/multi-tenancy.ts';
import type { OpenedModel } from './open-model.ts';

/** What is known of networks on this machine, from the built-in library and from earlier runs. */
export function knownNetworks(model: OpenedModel): Promise<readonly LibraryRow[]> {
  const { provider } = model;
  return loadLibrary({ machine: machineSignature(), provider }, { onWarning: warn });
}

/** Estimates from what is known, for the Multi-Tenancy scaler to start from. */
export async function estimatorOn(model: OpenedModel): Promise<InstanceLatencyEstimator> {
  return estimatorFor(await knownNetworks(model));
}

/**
 * Keeps latencies by instances at the smallest batch for the networks to come. Fewer than two are
 * no curve and are not kept, and neither are calls that preprocess, which are not the network's own.
 * A library that cannot be written is said, and no reason to fail.
 */
export async function keepProfile(
  model: OpenedModel,
  cells: ReadonlyMap<number, number>,
): Promise<void> {
  if (cells.size < 2 || model.preprocessing === 'inline') return;
  try {
    await new ProfileLibrary({ onWarning: warn }).save({
      modelHash: await modelContentHash(model.path),
      machine: machineSignature(),
      provider: model.provider,
      name: model.name,
      measuredAt: new Date(systemClock.timeOfDayMs()).toISOString(),
      cells,
    });
  } catch (error) {
    if (!(error instanceof DnnScalerError)) throw error;
    warn(`what was measured is not kept: ${error.message}`);
  }
}

function warn(message: string): void {
  process.stderr.write(`warning: ${message}\n`);
}
