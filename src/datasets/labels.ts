import { invalidArgument } from '../errors.ts';
import { caltech256Folders, imageNetClasses } from './class-lists.ts';
import type { ImageIndex } from './image-index.ts';
import { isValidationImage, readLabelsFile, unlabelled } from './labels-file.ts';

export type DatasetName = 'imagenet' | 'caltech256';

export const datasetTitles: Readonly<Record<DatasetName, string>> = {
  imagenet: 'ImageNet',
  caltech256: 'Caltech-256',
};

/** Which dataset a folder holds, and what is known of its images. */
export interface Labels {
  /** Null where the names of folders and files say nothing. */
  readonly dataset: DatasetName | null;
  /** Images whose class is known. */
  readonly known: number;
  /** Class of an image from 0, in the order of the dataset; undefined when it is not known. */
  classOf(item: number): number | undefined;
}

/**
 * Finds the classes of images by the names of the folders they lie in: ImageNet's synsets
 * (`n01440764`) or Caltech-256's categories (`001.ak47`), the nearest one on the way up. A labels
 * file, for ImageNet, goes before them.
 *
 * @throws DnnScalerError as `readLabelsFile` does, and `invalid-argument` when it names no image
 */
export async function findLabels(images: ImageIndex, labelsFile?: string): Promise<Labels> {
  if (labelsFile !== undefined) {
    const labels = labelsOf('imagenet', await readLabelsFile(labelsFile, images));
    if (labels.known > 0) return labels;
    throw invalidArgument('--labels', `must name images of ${images.root}`, labelsFile);
  }
  const found = { imagenet: 0, caltech256: 0 };
  const classes = { imagenet: emptyFor(images), caltech256: emptyFor(images) };
  let first = 0;
  for (const folder of images.folders) {
    const place = placeOf(images.ancestorsOf(folder));
    const last = first + folder.names.length;
    if (place !== undefined) {
      found[place.dataset] += folder.names.length;
      classes[place.dataset].fill(place.label, first, last);
    }
    first = last;
  }
  if (found.imagenet + found.caltech256 === 0) {
    return labelsOf(isValidationImage(images.fileNameOf(0)) ? 'imagenet' : null, emptyFor(images));
  }
  const dataset = found.imagenet >= found.caltech256 ? 'imagenet' : 'caltech256';
  return labelsOf(dataset, classes[dataset]);
}

function emptyFor({ count }: ImageIndex): Int16Array {
  return new Int16Array(count).fill(unlabelled);
}

function labelsOf(dataset: DatasetName | null, classes: Int16Array): Labels {
  return {
    dataset,
    known: classes.reduce((known, label) => known + (label === unlabelled ? 0 : 1), 0),
    classOf(item) {
      const label = classes[item];
      return label === unlabelled ? undefined : label;
    },
  };
}

function placeOf(
  ancestors: readonly string[],
): { readonly dataset: DatasetName; readonly label: number } | undefined {
  for (const name of ancestors) {
    const synset = imageNetClasses().classOf.get(name);
    if (synset !== undefined) return { dataset: 'imagenet', label: synset };
    const category = caltech256Folders().indexOf(name);
    if (category >= 0) return { dataset: 'caltech256', label: category };
  }
  return undefined;
}
