import type { DnnScalerError } from '../../errors.ts';
import { FileBytes } from './file-bytes.ts';
import { readNpz } from './npz.ts';
import { readSafetensors } from './safetensors.ts';
import type { StoredTensor } from './stored-tensor.ts';

/** The tensors of an open weights file, by the names of the variables that they stand for. */
export interface WeightFile {
  readonly path: string;
  readonly tensors: ReadonlyMap<string, StoredTensor>;
  close(): void;
}

/** What TensorFlow appends to the variable of a moving average, which training keeps beside it. */
const averageEnding = '/ExponentialMovingAverage';

/**
 * Opens a .safetensors or .npz file; which of them, its first bytes tell. Reads what it lists and no
 * tensor yet.
 *
 * The `:0` that TensorFlow appends to tensors does not count. Of a variable and its moving average
 * over the training steps, the average stands for the variable, as in TF-Slim's evaluation.
 *
 * @throws DnnScalerError `not-found` or `invalid-argument` for a file that is not there, of neither
 *   kind, torn, or with two tensors for one variable
 */
export function openWeightFile(path: string): WeightFile {
  const file = new FileBytes(path);
  try {
    if (file.size < 8) throw file.fault(`it has ${file.size} bytes`);
    const isZip = file.read(0, 2, 'its start').toString('latin1') === 'PK';
    const stored = isZip ? readNpz(file) : readSafetensors(file);
    return {
      path,
      tensors: byVariable(stored, (problem) => file.fault(problem)),
      close() {
        file.close();
      },
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function byVariable(
  stored: readonly StoredTensor[],
  fault: (problem: string) => DnnScalerError,
): Map<string, StoredTensor> {
  const variables = new Map<string, StoredTensor>();
  const averages = new Map<string, StoredTensor>();
  for (const tensor of stored) {
    const name = tensor.name.replace(/:\d+$/, '');
    const isAverage = name.endsWith(averageEnding);
    const variable = isAverage ? name.slice(0, -averageEnding.length) : name;
    const found = isAverage ? averages : variables;
    const other = found.get(variable);
    if (other !== undefined) {
      throw fault(`both ${other.name} and ${tensor.name} stand for ${variable}`);
    }
    found.set(variable, tensor);
  }
  return new Map([...variables, ...averages]);
}
