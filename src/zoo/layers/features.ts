import type { Value } from '../onnx/graph.ts';
import type { LazyMoments } from './moments.ts';

/** An activation, channels first, with the moments that its channels are expected to have. */
export interface Features {
  readonly value: Value;
  readonly moments: LazyMoments;
}

export function channelsOf(x: Features): number {
  return x.value.dims[1] as number;
}

/** Height and width, in positions. */
export function sizeOf(x: Features): readonly [height: number, width: number] {
  const [, , height, width] = x.value.dims as [unknown, unknown, number, number];
  return [height, width];
}
