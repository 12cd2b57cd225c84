import { DnnScalerError, invalidArgument } from '../../errors.ts';
import { arrays } from '../../tensor/dtype.ts';
import type { Datatype, TensorData } from '../../tensor/dtype.ts';
import type { ModelSignature, Row } from '../../tensor/row.ts';

/**
 * Checks that a model can take a row: a tensor for each input, of its type and dimensions, where
 * -1 stands for any size. Looks at no element, so it costs the same for rows of any size.
 *
 * @throws DnnScalerError `invalid-argument` naming the input that is wrong
 */
export function validateRow(signature: Pick<ModelSignature, 'inputs'>, row: Row): void {
  const { inputs } = signature;
  if (row.length !== inputs.length) {
    const names = inputs.map(({ name }) => name).join(', ');
    throw invalidArgument('a row', `must hold a tensor for each input (${names})`, row.length);
  }
  for (const [index, { name, datatype, dims }] of inputs.entries()) {
    const tensor = row[index];
    if (tensor === undefined) throw invalidArgument(`input ${name}`, 'must be given', undefined);
    if (!isOf(datatype, tensor.data)) {
      const received = Array.isArray(tensor.data) ? 'an array' : tensor.data.constructor.name;
      throw invalidArgument(
        `input ${name}`,
        `must be ${arrayName(datatype)} (${datatype})`,
        received,
      );
    }
    let count = 1;
    let agrees = tensor.dims.length === dims.length;
    for (const [axis, dim] of dims.entries()) {
      const size = tensor.dims[axis];
      count *= size ?? 0;
      agrees &&= dim === -1 ? size !== undefined && size > 0 : size === dim;
    }
    if (!agrees) {
      const shape = dims.map((dim) => (dim === -1 ? '?' : dim)).join(', ');
      const rule = `must have the shape [${shape}] in each row`;
      throw invalidArgument(`input ${name}`, rule, tensor.dims);
    }
    if (tensor.data.length !== count) {
      const message = `input ${name} must have ${count} elements in each row; received ${tensor.data.length}`;
      throw new DnnScalerError('invalid-argument', message);
    }
  }
}

function isOf(datatype: Datatype, data: TensorData): boolean {
  return datatype === 'BYTES' ? Array.isArray(data) : data instanceof arrays[datatype];
}

function arrayName(datatype: Datatype): string {
  return datatype === 'BYTES' ? 'an array of strings' : `a ${arrays[datatype].name}`;
}
