import { ints } from '../onnx/graph.ts';
import type { Attributes } from '../onnx/graph.ts';

/**
 * How the border is met. TensorFlow's SAME gives ceil(size / stride) positions, VALID stays inside.
 * FIXED pads (kernel - 1) / 2 at each side whatever the size, as TF-Slim's `conv2d_same` does, and
 * AFTER one position at the bottom and on the right.
 */
export type Padding = 'SAME' | 'VALID' | 'FIXED' | 'AFTER';

/** The window of a convolution or a pool. */
export interface Window {
  /** Height and width of the kernel, or its side. */
  readonly kernel: number | readonly [height: number, width: number];
  /** Default 1. */
  readonly stride?: number;
  /** Default SAME. */
  readonly padding?: Padding;
}

export function kernelOf({ kernel }: Window): readonly [height: number, width: number] {
  return typeof kernel === 'number' ? [kernel, kernel] : kernel;
}

/** The attributes of Conv, MaxPool and AveragePool for a window over an image of that size. */
export function windowAttributes(
  window: Window,
  [height, width]: readonly [number, number],
): Attributes {
  const { stride = 1, padding = 'SAME' } = window;
  const kernel = kernelOf(window);
  const [top, bottom] = paddingOf(padding, height, kernel[0], stride);
  const [left, right] = paddingOf(padding, width, kernel[1], stride);
  return {
    kernel_shape: ints(kernel),
    strides: ints([stride, stride]),
    pads: ints([top, left, bottom, right]),
  };
}

/** What is added to one axis, before and after. */
function paddingOf(
  padding: Padding,
  size: number,
  kernel: number,
  stride: number,
): readonly [before: number, after: number] {
  switch (padding) {
    case 'SAME':
      return samePadding(size, kernel, stride);
    case 'VALID':
      return [0, 0];
    case 'AFTER':
      return [0, 1];
    case 'FIXED': {
      const before = Math.floor((kernel - 1) / 2);
      return [before, kernel - 1 - before];
    }
  }
}

/**
 * TensorFlow's SAME padding of one axis, before and after: the result has ceil(size / stride)
 * positions, and when the padding is odd the larger part comes after.
 */
export function samePadding(size: number, kernel: number, stride: number): [number, number] {
  const results = Math.ceil(size / stride);
  const total = Math.max((results - 1) * stride + kernel - size, 0);
  const before = Math.floor(total / 2);
  return [before, total - before];
}
