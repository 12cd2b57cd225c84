import type { OnnxEngine } from '../../engines/onnx/onnx-engine.ts';
import type { PreprocessingMode } from '../../serving/images-on-engine.ts';
import { imageHintOf } from '../../zoo/image-hint.ts';
import type { ZooNetwork } from '../../zoo/network.ts';
import type { ImageRun, MachineConditions, SloRule } from './run-images.ts';
import { runImages } from './run-images.ts';
import type { StateFile } from './state-file.ts';

/** What is the same for every network of an experiment that can be cut off and go on. */
export interface NetworkConditions extends MachineConditions {
  readonly modes: readonly PreprocessingMode[];
  /** Opens a network of the zoo. Closed here. */
  readonly openEngine: (network: ZooNetwork) => Promise<OnnxEngine>;
  readonly state: StateFile<ImageRun>;
}

export interface NetworkRunOptions extends NetworkConditions {
  readonly network: ZooNetwork;
  /** Under which its results are kept. */
  readonly key: string;
  /** Asked only when something is left to run. */
  readonly folder: () => Promise<string>;
  readonly slo: SloRule;
  readonly onStep?: (mode: PreprocessingMode, what: string) => void;
}

/**
 * Runs one image network each way of preprocessing. What the state file holds is not run again, and
 * the network is opened only if something is left.
 *
 * @throws DnnScalerError as `runImages` does; what was finished is in the state file then
 */
export async function runNetwork(options: NetworkRunOptions): Promise<readonly ImageRun[]> {
  const { network, key, state, modes, slo, onStep } = options;
  const keyOf = (mode: PreprocessingMode): string => `${key} ${mode}`;
  const left = modes.filter((mode) => state.get(keyOf(mode)) === undefined);
  const [first] = left;
  if (first !== undefined) {
    onStep?.(first, 'opening');
    const folder = await options.folder();
    const engine = await options.openEngine(network);
    try {
      for (const mode of left) {
        const run = await runImages({
          ...options,
          ...{ engine, folder, mode, slo },
          ...(network.image && { hint: imageHintOf(network.image) }),
          onStep: (what) => {
            onStep?.(mode, what);
          },
        });
        await state.put(keyOf(mode), run);
      }
    } finally {
      await engine.close();
    }
  }
  return modes.map((mode) => state.get(keyOf(mode)) as ImageRun);
}
