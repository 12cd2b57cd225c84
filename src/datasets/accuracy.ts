import { elementCount } from '../tensor/dtype.ts';
import type { ModelSignature, Row } from '../tensor/row.ts';
import { datasetTitles, type DatasetName, type Labels } from './labels.ts';

/** How often a model named the right class, or why that is not told. */
export type Accuracy =
  | { readonly images: number; readonly top1: number; readonly top5: number }
  | { readonly notReported: string };

/** Classes of a dataset, and where class 0 stands in the outputs of so many values. */
const offsets: Readonly<
  Record<DatasetName, { classes: number; offsetOf: Record<number, number> }>
> = {
  // 1001 as in TF-Slim, whose class 0 is the background.
  imagenet: { classes: 1000, offsetOf: { 1000: 0, 1001: 1 } },
  // 256 without the clutter, which is the last.
  caltech256: { classes: 257, offsetOf: { 256: 0, 257: 0 } },
};

/** Compares replies with labels; counts each image once, however often it is run. */
export class AccuracyMeter {
  readonly #labels: Labels;
  readonly #output: number;
  readonly #offset: number;
  readonly #why: string | undefined;
  readonly #seen = new Set<number>();
  #top1 = 0;
  #top5 = 0;

  constructor(labels: Labels, signature: ModelSignature) {
    this.#labels = labels;
    const scored = scoringOf(labels, signature);
    this.#why = typeof scored === 'string' ? scored : undefined;
    this.#output = typeof scored === 'string' ? 0 : scored.output;
    this.#offset = typeof scored === 'string' ? 0 : scored.offset;
  }

  /** Takes in the reply to an image. */
  record(item: number, reply: Row): void {
    if (this.#why !== undefined || this.#seen.has(item)) return;
    const label = this.#labels.classOf(item);
    if (label === undefined) return;
    const scores = reply[this.#output]?.data as ArrayLike<number>;
    const index = label + this.#offset;
    if (index >= scores.length) return;
    this.#seen.add(item);
    const rank = rankOf(scores, index);
    if (rank < 1) this.#top1 += 1;
    if (rank < 5) this.#top5 += 1;
  }

  get report(): Accuracy {
    const images = this.#seen.size;
    if (this.#why !== undefined) return { notReported: this.#why };
    if (images === 0) return { notReported: 'no image with a known class was answered' };
    return { images, top1: this.#top1 / images, top5: this.#top5 / images };
  }
}

/** Values before this one when the largest come first; a tie, and what is no number, count against it. */
function rankOf(scores: ArrayLike<number>, index: number): number {
  const own = scores[index] as number;
  let before = 0;
  for (let i = 0; i < scores.length; i += 1) {
    if (i !== index && !((scores[i] as number) < own)) before += 1;
  }
  return before;
}

function scoringOf(
  { dataset, known }: Labels,
  { outputs }: ModelSignature,
): { readonly output: number; readonly offset: number } | string {
  if (dataset === null) return 'the folder and its names tell no classes';
  const title = datasetTitles[dataset];
  if (known === 0)
    return `the images look like ${title}'s, but their classes are not known (--labels)`;
  const { classes, offsetOf } = offsets[dataset];
  const sizes = outputs.map(({ datatype, dims }) =>
    /^FP(32|64)$/.test(datatype) ? elementCount(dims) : 0,
  );
  const output = sizes.findIndex((size) => offsetOf[size] !== undefined);
  const offset = offsetOf[sizes[output] ?? 0];
  if (offset !== undefined) return { output, offset };
  const received = outputs.map(({ datatype, dims }) => `${elementCount(dims)} ${datatype}`);
  return `the images are of ${title}'s ${classes} classes, the model's outputs have ${received.join(', ')} values`;
}
