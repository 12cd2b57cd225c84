import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { DnnScalerError, toDnnScalerError } from '../errors.ts';
import { imageNetClasses } from './class-lists.ts';
import type { ImageIndex } from './image-index.ts';

/** Says that an image has no label. */
export const unlabelled = -1;

/**
 * Reads the classes of images from a text file, whose lines are all of one kind:
 *
 * - a synset (`n01751748`), as in TF-Slim's imagenet_2012_validation_synset_labels.txt;
 * - an ILSVRC2012_ID from 1 to 1000, as in ILSVRC2012_validation_ground_truth.txt;
 * - a file's name and a class from 0 to 999, as in Caffe's val.txt, or a synset: what follows is
 *   ignored, and a comma is as good as a blank, so that Kaggle's LOC_val_solution.csv will do.
 *
 * Lines without names belong to images by number: line n to ILSVRC2012_val_0000000n.JPEG, or where
 * images have other names, to the nth of all of them, of which there must then be as many as lines.
 *
 * @param what name of the option, for error messages
 * @returns the class of each image of the index, `unlabelled` for those the file does not name
 * @throws DnnScalerError `not-found` without the file, `invalid-argument` for anything else in it
 */
export async function readLabelsFile(
  file: string,
  images: ImageIndex,
  what = '--labels',
): Promise<Int16Array> {
  const complain = (rule: string): DnnScalerError =>
    new DnnScalerError('invalid-argument', `${what} ${JSON.stringify(file)}: ${rule}`);
  const byName = new Map<string, number>();
  const byLine: number[] = [];
  let kind: Kind | undefined;
  let number = 0;
  for await (const line of linesOf(file, what)) {
    number += 1;
    const text = line.trim();
    if (text === '' || (number === 1 && text.startsWith('ImageId,'))) continue;
    const entry = parse(text);
    if (typeof entry === 'string') throw complain(`line ${number} ${entry}`);
    if (kind !== undefined && entry.kind !== kind) {
      throw complain(
        `line ${number} is ${kindNames[entry.kind]}, those before are ${kindNames[kind]}`,
      );
    }
    kind = entry.kind;
    if (entry.name === undefined) byLine.push(entry.label);
    else byName.set(withoutExtension(entry.name), entry.label);
  }
  if (kind === undefined) throw complain('it is empty');
  if (kind === 'named') return labelsByName(images, byName);
  const numbered = labelsByNumber(images, byLine);
  if (numbered !== undefined) return numbered;
  if (byLine.length === images.count) return Int16Array.from(byLine);
  throw complain(
    `it has ${byLine.length} lines for ${images.count} images that are not named ILSVRC2012_val_...`,
  );
}

type Kind = 'synset' | 'id' | 'named';

const kindNames: Readonly<Record<Kind, string>> = {
  synset: 'a synset',
  id: 'a number',
  named: 'a name and a class',
};

interface Entry {
  readonly kind: Kind;
  readonly name?: string;
  readonly label: number;
}

/** What a line says, or what is wrong with it. */
function parse(text: string): Entry | string {
  const { classOf, classOfId } = imageNetClasses();
  const [first = '', second] = text.split(/[\s,]+/);
  if (second === undefined) {
    if (/^\d+$/.test(first)) {
      const label = classOfId[Number(first) - 1];
      return label === undefined
        ? `must be an ILSVRC2012_ID from 1 to 1000; received ${first}. Classes from 0 go with names`
        : { kind: 'id', label };
    }
    const label = classOf.get(first);
    return label === undefined
      ? `must be one of ImageNet's synsets; received ${JSON.stringify(first)}`
      : { kind: 'synset', label };
  }
  const label = /^\d+$/.test(second) ? Number(second) : classOf.get(second);
  return label === undefined || label > 999
    ? `must have a class from 0 to 999 or a synset after the name; received ${JSON.stringify(second)}`
    : { kind: 'named', name: first, label };
}

async function* linesOf(file: string, what: string): AsyncGenerator<string> {
  const input = createReadStream(file, 'utf8');
  try {
    yield* createInterface({ input, crlfDelay: Infinity });
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
    throw new DnnScalerError(
      missing ? 'not-found' : 'invalid-argument',
      `${what} cannot be read: ${toDnnScalerError(error).message}`,
      { cause: error },
    );
  } finally {
    input.destroy();
  }
}

const validationName = /^ILSVRC2012_val_(\d{8})\./i;

/** Whether a file is named as the images of ImageNet's validation set are. */
export function isValidationImage(name: string): boolean {
  return validationName.test(name);
}

/** Undefined when no image is named as those of ImageNet's validation set. */
function labelsByNumber(images: ImageIndex, byLine: readonly number[]): Int16Array | undefined {
  const labels = new Int16Array(images.count).fill(unlabelled);
  let known = 0;
  for (let item = 0; item < images.count; item += 1) {
    const number = validationName.exec(images.fileNameOf(item))?.[1];
    const label = byLine[Number(number) - 1];
    if (label === undefined) continue;
    labels[item] = label;
    known += 1;
  }
  return known === 0 ? undefined : labels;
}

function labelsByName(images: ImageIndex, byName: ReadonlyMap<string, number>): Int16Array {
  return Int16Array.from({ length: images.count }, (_, item) => {
    const byPath = byName.get(withoutExtension(images.nameOf(item).replaceAll('\\', '/')));
    return byPath ?? byName.get(withoutExtension(images.fileNameOf(item))) ?? unlabelled;
  });
}

function withoutExtension(name: string): string {
  return name.replace(/\.[A-Za-z]{3,4}$/, '');
}
