import { stat } from 'node:fs/promises';
import { DnnScalerError, invalidArgument } from '../../errors.ts';
import { thisHost } from './accelerator/host.ts';
import { openPrepared } from './accelerator/prepare-provider.ts';
import type { PreparedProvider } from './accelerator/prepare-provider.ts';
import { Instance } from './instance.ts';
import type { InstanceListener, InstanceOutcome } from './instance.ts';
import { layoutInputs } from './model-layout.ts';
import { OnnxEngine, sessionConfig } from './embedded-engine.ts';
import type { OpenedModel } from './embedded-engine.ts';
import { resolveOptions } from './options.ts';
import type { OnnxEngineOptions, ResolvedOptions } from './options.ts';
import { probeModel, resultOf, runRows } from './probe.ts';
import { openProcessLink } from './process-link.ts';
import type { ModelMetadata, PackedBatch, SessionConfig } from './protocol.ts';
import { keepsKernelsOfAllSizes, listProviders, requireProvider } from './providers.ts';
import { openThreadLink } from './thread-link.ts';
import { Watchdog } from './watchdog.ts';

export type { OnnxEngine, OnnxSignature } from './embedded-engine.ts';

/**
 * Opens a model on ONNX Runtime: starts a first instance, finds the batch dimension, checks with a
 * few runs that rows can share a batch, and stands at one instance and the smallest batch size.
 *
 * @throws DnnScalerError `invalid-argument` for options out of range, open dimensions without a
 *   shape, or a file that is no model; `not-found` without a file; `unsupported` for providers,
 *   operators or types that this build does not have; `unavailable` when the provider's libraries
 *   or hardware are missing
 */
export async function openOnnxEngine(options: OnnxEngineOptions): Promise<OnnxEngine> {
  const asked = resolveOptions(options);
  if (asked.provider !== 'cpu') requireProvider(asked.provider, await listProviders());
  return openPrepared(asked, thisHost, (prepared) => openWith(asked, prepared));
}

async function openWith(
  asked: ResolvedOptions,
  { environment, ...prepared }: PreparedProvider,
): Promise<OnnxEngine> {
  const maxInstances = Math.min(asked.maxInstances, prepared.maxInstances);
  const resolved = { ...asked, maxInstances };
  const modelBytes = await fileBytes(resolved.modelPath);
  const watchdog = new Watchdog(resolved.clock);
  const start = (config: SessionConfig, listener: InstanceListener): Instance =>
    new Instance(
      {
        openLink:
          resolved.isolation === 'thread'
            ? openThreadLink
            : (link) => openProcessLink(link, environment),
        modelPath: resolved.modelPath,
        config,
        watchdog,
        loadLimitMs: resolved.loadLimitMs,
        runLimitMs: resolved.runLimitMs,
      },
      listener,
    );
  try {
    const { instance, metadata } = await startFirst(
      start,
      sessionConfig(resolved, { instances: 1 }),
    );
    try {
      const run = (batch: PackedBatch): Promise<InstanceOutcome> => runOnce(instance, batch);
      const model = await probeModel({
        metadata,
        layout: layoutInputs(metadata, resolved.shapes, resolved.foreignShapes),
        run,
        sampleRow: resolved.sampleRow,
        maxBatchSize: resolved.maxBatchSize,
        seed: resolved.seed,
      });
      if (!keepsKernelsOfAllSizes(resolved.provider)) {
        // Of the sizes that it was looked at with, the smallest, at which it begins, was not the last.
        resultOf(await runRows({ run }, model, [model.knownGood]));
      }
      const { notes } = prepared;
      return new OnnxEngine({
        ...{ options: resolved, model, modelBytes, start, instance, watchdog },
        notes,
      });
    } catch (thrown) {
      await end(instance);
      throw thrown;
    }
  } catch (thrown) {
    watchdog.close();
    throw thrown;
  }
}

async function fileBytes(path: string): Promise<number> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined)
    throw new DnnScalerError('not-found', `there is no model file at ${path}`);
  if (!found.isFile()) throw invalidArgument('the model', 'must be a file', path);
  return found.size;
}

function startFirst(
  start: OpenedModel['start'],
  config: SessionConfig,
): Promise<{ instance: Instance; metadata: ModelMetadata }> {
  return new Promise((resolve, reject) => {
    const instance = start(config, {
      onLoaded: (metadata) => resolve({ instance, metadata }),
      onEnded: (error) => reject(error ?? new DnnScalerError('internal', 'the instance ended')),
      onHung: reject,
    });
  });
}

function runOnce(instance: Instance, batch: PackedBatch): Promise<InstanceOutcome> {
  return new Promise((resolve) => {
    instance.run(batch, resolve);
  });
}

/** Ends an instance that never came into use; one that hangs is not waited for. */
function end(instance: Instance): Promise<void> {
  return new Promise((resolve) => {
    if (instance.over) {
      resolve();
      return;
    }
    instance.listener = {
      onLoaded: () => undefined,
      onEnded: () => resolve(),
      onHung: () => resolve(),
    };
    instance.retire();
  });
}
