import { conv, convClassifier, inception, maxPool, mixed } from './inception.ts';
import type { Step } from './inception.ts';

/** Filters of a block: 1 x 1; 3 x 3 with its reduction; 3 x 3 in place of 5 x 5, too; pooled. */
type Widths = readonly [
  one: number,
  reduce3: number,
  three: number,
  reduce5: number,
  five: number,
  pooled: number,
];

/** @param secondTag of the third branch's 3 x 3: TF-Slim has `0a` twice in one block */
function block(name: string, widths: Widths, secondTag = '0b'): Step {
  const [one, reduce3, three, reduce5, five, pooled] = widths;
  return mixed(
    name,
    [conv('0a', one, 1)],
    [conv('0a', reduce3, 1), conv('0b', three, 3)],
    [conv('0a', reduce5, 1), conv(secondTag, five, 3)],
    [maxPool('0a', { kernel: 3 }), conv('0b', pooled, 1)],
  );
}

const steps: readonly Step[] = [
  conv('1a', 64, 7, { stride: 2 }),
  maxPool('2a', { kernel: 3, stride: 2 }),
  conv('2b', 64, 1),
  conv('2c', 192, 3),
  maxPool('3a', { kernel: 3, stride: 2 }),
  block('Mixed_3b', [64, 96, 128, 16, 32, 32]),
  block('Mixed_3c', [128, 128, 192, 32, 96, 64]),
  maxPool('4a', { kernel: 3, stride: 2 }),
  block('Mixed_4b', [192, 96, 208, 16, 48, 64]),
  block('Mixed_4c', [160, 112, 224, 24, 64, 64]),
  block('Mixed_4d', [128, 128, 256, 24, 64, 64]),
  block('Mixed_4e', [112, 144, 288, 32, 64, 64]),
  block('Mixed_4f', [256, 160, 320, 32, 128, 128]),
  maxPool('5a', { kernel: 2, stride: 2 }),
  block('Mixed_5b', [256, 160, 320, 32, 128, 128], '0a'),
  block('Mixed_5c', [384, 192, 384, 48, 128, 128]),
];

/**
 * Inception V1 (Szegedy et al. 2014, arXiv 1409.4842) as in TF-Slim's `inception_v1.py`: with batch
 * normalisation, which has an offset but no scale, and with 3 x 3 in place of the paper's 5 x 5.
 */
export const inceptionV1 = inception({
  version: 1,
  source: 'Szegedy et al. 2014 (arXiv 1409.4842)',
  px: 224,
  steps,
  pool: 'AvgPool_0a_7x7',
  classify: convClassifier('Conv2d_0c_1x1'),
});
