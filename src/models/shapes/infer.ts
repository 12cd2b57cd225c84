import type { NodeProto } from '../../zoo/onnx/proto.ts';
import { isOwnDomain } from '../file/model-file.ts';
import { elementwiseOperators } from './elementwise.ts';
import type { Extent } from './extent.ts';
import type { Call, Facts, Infer } from './facts.ts';
import { pickingOperators } from './picking.ts';
import { productOperators } from './products.ts';
import { reductionOperators } from './reductions.ts';
import { reshapingOperators } from './reshaping.ts';
import { shapeMakingOperators } from './shape-makers.ts';
import { windowOperators } from './windows.ts';

const operators: Readonly<Record<string, Infer>> = {
  ...elementwiseOperators,
  ...reshapingOperators,
  ...pickingOperators,
  ...shapeMakingOperators,
  ...windowOperators,
  ...productOperators,
  ...reductionOperators,
};

/** Operators of ONNX Runtime's own domain whose shapes follow the rules above. */
const contribDomain = 'com.microsoft';

/** Whether the shapes of this operator's results are inferred from its inputs. */
export function isInferred({ op_type: opType, domain }: NodeProto): boolean {
  return (isOwnDomain(domain) || domain === contribDomain) && Object.hasOwn(operators, opType);
}

/** Operators that look at the sizes of their input and not at what it holds. */
const sizeReaders = ['Shape', 'Size'];

/**
 * What is known of each output of a call. What inference leaves open is taken from what the file
 * declares of the output.
 *
 * @param declared dimensions that the file gives a value, if any
 */
export function inferCall(
  call: Call,
  declared: (name: string, fromRows: boolean) => Pick<Facts, 'dims' | 'elementType'> | undefined,
): readonly Facts[] {
  const { node, operands } = call;
  const inferred = isInferred(node) ? (operators[node.op_type] as Infer)(call) : [];
  const readsRows =
    call.capturesRows === true || operands.some((operand) => operand?.fromRows === true);
  const fromRows = readsRows && !(isOwnDomain(node.domain) && sizeReaders.includes(node.op_type));
  return node.output.map((name, index) => {
    const facts = inferred[index] ?? {};
    const known = declared(name, fromRows);
    return {
      ...facts,
      elementType: facts.elementType ?? known?.elementType,
      dims: mergeDims(facts.dims, known?.dims),
      fromRows,
    };
  });
}

function mergeDims(
  inferred: readonly Extent[] | undefined,
  declared: readonly Extent[] | undefined,
): readonly Extent[] | undefined {
  if (inferred === undefined) return declared;
  if (declared?.length !== inferred.length) return inferred;
  return inferred.map((extent, axis) => extent ?? declared[axis]);
}
