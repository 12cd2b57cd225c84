import { parseCsvRecords } from '../csv.ts';
import { readPackageData } from '../package-data.ts';

/** ImageNet's thousand classes (ILSVRC2012), numbered from 0 in the order of their WordNet ids. */
export interface ImageNetClasses {
  /** `n01440764`, and so on. */
  readonly synsets: readonly string[];
  readonly classOf: ReadonlyMap<string, number>;
  /**
   * Class of each ILSVRC2012_ID, at index 0 that of ID 1: the numbers of the challenge's own ground
   * truth, which go by no order of the WordNet ids.
   */
  readonly classOfId: readonly number[];
}

let imageNet: ImageNetClasses | undefined;

export function imageNetClasses(): ImageNetClasses {
  if (imageNet === undefined) {
    const records = readColumns('imagenet-synsets.csv');
    const synsets = records.map(([synset = '']) => synset);
    const classOfId: number[] = [];
    records.forEach(([, id], index) => {
      classOfId[Number(id) - 1] = index;
    });
    imageNet = {
      synsets,
      classOf: new Map(synsets.map((synset, index) => [synset, index])),
      classOfId,
    };
  }
  return imageNet;
}

let caltech256: readonly string[] | undefined;

/** Folders of Caltech-256 in their order: class 0 is `001.ak47`, class 256 `257.clutter`. */
export function caltech256Folders(): readonly string[] {
  caltech256 ??= readColumns('caltech256-categories.csv').map(([folder = '']) => folder);
  return caltech256;
}

/** The records of a table of this package, without its headings. */
function readColumns(file: string): readonly (readonly string[])[] {
  return parseCsvRecords(readPackageData(file))
    .slice(1)
    .map(({ fields }) => fields);
}
