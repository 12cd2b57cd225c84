import { imageNetClasses } from './image-network.ts';
import { averagePool, conv, fork, inception, maxPool, mixed } from './inception.ts';
import type { Step } from './inception.ts';

const valid = { padding: 'VALID' } as const;
const halving = { stride: 2, padding: 'VALID' } as const;
const maxPooled = [maxPool('1a', { kernel: 3, ...halving })] as const;

/** Inception-A, 35 x 35 x 384. */
function mixedA(name: string): Step {
  return mixed(
    name,
    [conv('0a', 96, 1)],
    [conv('0a', 64, 1), conv('0b', 96, 3)],
    [conv('0a', 64, 1), conv('0b', 96, 3), conv('0c', 96, 3)],
    [averagePool, conv('0b', 96, 1)],
  );
}

/** Inception-B, 17 x 17 x 1024. */
function mixedB(name: string): Step {
  return mixed(
    name,
    [conv('0a', 384, 1)],
    [conv('0a', 192, 1), conv('0b', 224, [1, 7]), conv('0c', 256, [7, 1])],
    [
      conv('0a', 192, 1),
      conv('0b', 192, [7, 1]),
      conv('0c', 224, [1, 7]),
      conv('0d', 224, [7, 1]),
      conv('0e', 256, [1, 7]),
    ],
    [averagePool, conv('0b', 128, 1)],
  );
}

/** Inception-C, 8 x 8 x 1536. */
function mixedC(name: string): Step {
  return mixed(
    name,
    [conv('0a', 256, 1)],
    [conv('0a', 384, 1), fork(conv('0b', 256, [1, 3]), conv('0c', 256, [3, 1]))],
    [
      conv('0a', 384, 1),
      conv('0b', 448, [3, 1]),
      conv('0c', 512, [1, 3]),
      fork(conv('0d', 256, [1, 3]), conv('0e', 256, [3, 1])),
    ],
    [averagePool, conv('0b', 256, 1)],
  );
}

const steps: readonly Step[] = [
  conv('1a', 32, 3, halving),
  conv('2a', 32, 3, valid),
  conv('2b', 64, 3),
  mixed('Mixed_3a', [maxPool('0a', { kernel: 3, ...halving })], [conv('0a', 96, 3, halving)]),
  mixed(
    'Mixed_4a',
    [conv('0a', 64, 1), conv('1a', 96, 3, valid)],
    [conv('0a', 64, 1), conv('0b', 64, [1, 7]), conv('0c', 64, [7, 1]), conv('1a', 96, 3, valid)],
  ),
  mixed('Mixed_5a', [conv('1a', 192, 3, halving)], maxPooled),
  ...['b', 'c', 'd', 'e'].map((letter) => mixedA(`Mixed_5${letter}`)),
  mixed(
    'Mixed_6a',
    [conv('1a', 384, 3, halving)],
    [conv('0a', 192, 1), conv('0b', 224, 3), conv('1a', 256, 3, halving)],
    maxPooled,
  ),
  ...['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((letter) => mixedB(`Mixed_6${letter}`)),
  mixed(
    'Mixed_7a',
    [conv('0a', 192, 1), conv('1a', 192, 3, halving)],
    [
      conv('0a', 256, 1),
      conv('0b', 256, [1, 7]),
      conv('0c', 320, [7, 1]),
      conv('1a', 320, 3, halving),
    ],
    maxPooled,
  ),
  ...['b', 'c', 'd'].map((letter) => mixedC(`Mixed_7${letter}`)),
];

/**
 * Inception V4 (Szegedy et al. 2016, arXiv 1602.07261) as in TF-Slim's `inception_v4.py`, without
 * the auxiliary classifier. Normalisation has an offset but no scale.
 */
export const inceptionV4 = inception({
  version: 4,
  source: 'Szegedy et al. 2016 (arXiv 1602.07261)',
  px: 299,
  steps,
  pool: 'AvgPool_1a',
  classify: (layers, pooled, scope) =>
    layers.denseClassifier(pooled, `${scope}/Logits`, imageNetClasses),
});
