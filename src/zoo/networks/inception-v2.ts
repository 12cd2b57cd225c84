import { averagePool, conv, convClassifier, inception, maxPool, mixed } from './inception.ts';
import type { Step } from './inception.ts';

/** Filters of a block: 1 x 1; 3 x 3 with its reduction; two 3 x 3 with theirs; pooled. */
type Widths = readonly [
  one: number,
  reduce: number,
  three: number,
  reduceTwice: number,
  twice: number,
  pooled: number,
];

function block(name: string, widths: Widths, pool: Step = averagePool): Step {
  const [one, reduce, three, reduceTwice, twice, pooled] = widths;
  return mixed(
    name,
    [conv('0a', one, 1)],
    [conv('0a', reduce, 1), conv('0b', three, 3)],
    [conv('0a', reduceTwice, 1), conv('0b', twice, 3), conv('0c', twice, 3)],
    [pool, conv('0b', pooled, 1)],
  );
}

/** A block that halves height and width. */
function halving(
  name: string,
  [reduce, three, reduceTwice, twice]: readonly [number, number, number, number],
): Step {
  return mixed(
    name,
    [conv('0a', reduce, 1), conv('1a', three, 3, { stride: 2 })],
    [conv('0a', reduceTwice, 1), conv('0b', twice, 3), conv('1a', twice, 3, { stride: 2 })],
    [maxPool('1a', { kernel: 3, stride: 2 })],
  );
}

/**
 * The first convolution: 8 filters of 7 x 7 for each colour, then 1 x 1. TF-Slim normalises its
 * `conv2d` alone, so this one has biases.
 */
const separable: Step = (layers, x, base) =>
  layers.separable(x, `${base}/Conv2d_1a_7x7`, {
    filters: 64,
    kernel: 7,
    stride: 2,
    multiplier: 8,
    follow: 'biases',
  });

const steps: readonly Step[] = [
  separable,
  maxPool('2a', { kernel: 3, stride: 2 }),
  conv('2b', 64, 1),
  conv('2c', 192, 3),
  maxPool('3a', { kernel: 3, stride: 2 }),
  block('Mixed_3b', [64, 64, 64, 64, 96, 32]),
  block('Mixed_3c', [64, 64, 96, 64, 96, 64]),
  halving('Mixed_4a', [128, 160, 64, 96]),
  block('Mixed_4b', [224, 64, 96, 96, 128, 128]),
  block('Mixed_4c', [192, 96, 128, 96, 128, 128]),
  block('Mixed_4d', [160, 128, 160, 128, 160, 96]),
  block('Mixed_4e', [96, 128, 192, 160, 192, 96]),
  halving('Mixed_5a', [128, 192, 192, 256]),
  block('Mixed_5b', [352, 192, 320, 160, 224, 128]),
  block('Mixed_5c', [352, 192, 320, 192, 224, 128], maxPool('0a', { kernel: 3 })),
];

/**
 * Inception V2 (Ioffe and Szegedy 2015, arXiv 1502.03167) as in TF-Slim's `inception_v2.py`.
 * Normalisation has an offset but no scale.
 */
export const inceptionV2 = inception({
  version: 2,
  source: 'Ioffe and Szegedy 2015 (arXiv 1502.03167)',
  px: 224,
  steps,
  pool: 'AvgPool_1a_7x7',
  classify: convClassifier('Conv2d_1c_1x1'),
});
