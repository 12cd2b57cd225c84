import { averagePool, conv, convClassifier, fork, inception, maxPool, mixed } from './inception.ts';
import type { Step } from './inception.ts';

/** 35 x 35, between the two names that TF-Slim gives to the 5 x 5 branch. */
function mixed35(name: string, pooled: number, [reduce, convolve]: readonly [Step, Step]): Step {
  return mixed(
    name,
    [conv('0a', 64, 1)],
    [reduce, convolve],
    [conv('0a', 64, 1), conv('0b', 96, 3), conv('0c', 96, 3)],
    [averagePool, conv('0b', pooled, 1)],
  );
}

/** 17 x 17: 7 x 7 convolutions, each factored into 1 x 7 and 7 x 1. */
function mixed17(name: string, inner: number): Step {
  return mixed(
    name,
    [conv('0a', 192, 1)],
    [conv('0a', inner, 1), conv('0b', inner, [1, 7]), conv('0c', 192, [7, 1])],
    [
      conv('0a', inner, 1),
      conv('0b', inner, [7, 1]),
      conv('0c', inner, [1, 7]),
      conv('0d', inner, [7, 1]),
      conv('0e', 192, [1, 7]),
    ],
    [averagePool, conv('0b', 192, 1)],
  );
}

/** 8 x 8, whose 3 x 3 convolutions end side by side as 1 x 3 and 3 x 1. */
function mixed8(name: string, tagOfSecond: string): Step {
  return mixed(
    name,
    [conv('0a', 320, 1)],
    [conv('0a', 384, 1), fork(conv('0b', 384, [1, 3]), conv(tagOfSecond, 384, [3, 1]))],
    [
      conv('0a', 448, 1),
      conv('0b', 384, 3),
      fork(conv('0c', 384, [1, 3]), conv('0d', 384, [3, 1])),
    ],
    [averagePool, conv('0b', 192, 1)],
  );
}

const halving = { stride: 2, padding: 'VALID' } as const;
const fiveByFive = [conv('0a', 48, 1), conv('0b', 64, 5)] as const;

const steps: readonly Step[] = [
  conv('1a', 32, 3, halving),
  conv('2a', 32, 3, { padding: 'VALID' }),
  conv('2b', 64, 3),
  maxPool('3a', { kernel: 3, ...halving }),
  conv('3b', 80, 1, { padding: 'VALID' }),
  conv('4a', 192, 3, { padding: 'VALID' }),
  maxPool('5a', { kernel: 3, ...halving }),
  mixed35('Mixed_5b', 32, fiveByFive),
  mixed35('Mixed_5c', 64, [conv('0b', 48, 1), conv('', 64, 5, { name: 'Conv_1_0c_5x5' })]),
  mixed35('Mixed_5d', 64, fiveByFive),
  mixed(
    'Mixed_6a',
    [conv('', 384, 3, { ...halving, name: 'Conv2d_1a_1x1' })],
    [conv('0a', 64, 1), conv('0b', 96, 3), conv('', 96, 3, { ...halving, name: 'Conv2d_1a_1x1' })],
    [maxPool('1a', { kernel: 3, ...halving })],
  ),
  mixed17('Mixed_6b', 128),
  mixed17('Mixed_6c', 160),
  mixed17('Mixed_6d', 160),
  mixed17('Mixed_6e', 192),
  mixed(
    'Mixed_7a',
    [conv('0a', 192, 1), conv('1a', 320, 3, halving)],
    [
      conv('0a', 192, 1),
      conv('0b', 192, [1, 7]),
      conv('0c', 192, [7, 1]),
      conv('1a', 192, 3, halving),
    ],
    [maxPool('1a', { kernel: 3, ...halving })],
  ),
  mixed8('Mixed_7b', '0b'),
  mixed8('Mixed_7c', '0c'),
];

/**
 * Inception V3 (Szegedy et al. 2015, arXiv 1512.00567) as in TF-Slim's `inception_v3.py`, without
 * the auxiliary classifier. Normalisation has an offset but no scale.
 */
export const inceptionV3 = inception({
  version: 3,
  source: 'Szegedy et al. 2015 (arXiv 1512.00567)',
  px: 299,
  steps,
  pool: 'AvgPool_1a_8x8',
  classify: convClassifier('Conv2d_1c_1x1'),
});
