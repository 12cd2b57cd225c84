import { DnnScalerError } from '../../errors.ts';
import { sha256OfFile } from '../file-digest.ts';
import type { NetworkOptions, ZooNetwork } from '../network.ts';
import type { WeightSource } from '../weights.ts';
import type { StoredTensor } from './stored-tensor.ts';
import { fromTensorflow } from './tensorflow-layout.ts';
import { openWeightFile } from './weight-file.ts';
import type { WeightFile } from './weight-file.ts';
import { compareWeights, describeReport, isComplete, requiredWeights } from './weights-report.ts';
import type { WeightsReport } from './weights-report.ts';

export interface WeightFileOptions {
  /**
   * A .safetensors or .npz file to take the weights from instead of making them up: float16,
   * bfloat16, float32 or float64, by TF-Slim's variable names and in TensorFlow's order of axes
   * (`requiredWeights`).
   */
  readonly weightsFile?: string;
  /** Told how the file compares with the network, before anything is built. */
  readonly onWeightsReport?: (report: WeightsReport) => void;
}

/** Names of each kind that an error lists before it sums up the rest. */
const shownInErrors = 10;

/**
 * Calls `use` with the options of a build, whose weights come from `weightsFile` if there is one:
 * it stays open for so long. Tensors are read one at a time, when they are written.
 *
 * @throws DnnScalerError `invalid-argument` when the file is no good, or a tensor is missing, of
 *   the wrong shape or type, or has a number that is none
 */
export async function withWeights<T>(
  network: ZooNetwork,
  options: NetworkOptions & WeightFileOptions,
  use: (options: NetworkOptions) => Promise<T>,
): Promise<T> {
  const { weightsFile, onWeightsReport, ...rest } = options;
  if (weightsFile === undefined) return use(rest);
  const file = openWeightFile(weightsFile);
  try {
    const report = compareWeights(requiredWeights(network, rest), file.tensors);
    onWeightsReport?.(report);
    if (!isComplete(report)) {
      throw new DnnScalerError(
        'invalid-argument',
        `${weightsFile} does not have the weights of ${network.name}\n` +
          describeReport(report, shownInErrors),
      );
    }
    const sha256 = (await sha256OfFile(weightsFile)) ?? '';
    return await use({ ...rest, weights: weightsOf(file, `file ${sha256}`) });
  } finally {
    file.close();
  }
}

function weightsOf(file: WeightFile, key: string): WeightSource {
  return {
    key,
    tensor: (name, dims) => ({
      name,
      datatype: 'FP32',
      dims,
      data: () => fromTensorflow(finite(file.tensors.get(name) as StoredTensor, file.path), dims),
    }),
  };
}

function finite(tensor: StoredTensor, path: string): Float32Array {
  const data = tensor.read();
  const at = data.findIndex((value) => !Number.isFinite(value));
  if (at === -1) return data;
  throw new DnnScalerError(
    'invalid-argument',
    `weights file ${path}: ${tensor.name} has ${data[at]} at element ${at} as a float32`,
  );
}
