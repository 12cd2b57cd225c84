import type { Random } from '../../random.ts';
import { caltech256Folders, imageNetClasses } from '../class-lists.ts';
import type { DatasetName } from '../labels.ts';

/** How files are laid out: a folder for each class, or all in one as ImageNet's validation set. */
export const folderLayouts = ['folders', 'flat'] as const;
export type FolderLayout = (typeof folderLayouts)[number];

/** Where one image goes. */
export interface Place {
  /** From the dataset's own folder, with `/`. */
  readonly path: string;
  /** What the class is called in the dataset. */
  readonly className: string;
}

/** Gives places out, in the names that the datasets use; classes are drawn, each as likely. */
export class Places {
  readonly #dataset: DatasetName;
  readonly #layout: FolderLayout;
  readonly #random: Random;
  readonly #perClass = new Map<string, number>();
  #count = 0;

  /** @param layout `flat` is for ImageNet only */
  constructor(dataset: DatasetName, layout: FolderLayout, random: Random) {
    this.#dataset = dataset;
    this.#layout = layout;
    this.#random = random;
  }

  next(): Place {
    const classes = this.#dataset === 'imagenet' ? imageNetClasses().synsets : caltech256Folders();
    const className = classes[this.#random.integer(classes.length)] as string;
    this.#count += 1;
    if (this.#layout === 'flat') {
      return { path: `ILSVRC2012_val_${padded(this.#count, 8)}.JPEG`, className };
    }
    const number = (this.#perClass.get(className) ?? 0) + 1;
    this.#perClass.set(className, number);
    const file =
      this.#dataset === 'imagenet'
        ? `${className}_${number}.JPEG`
        : `${className.slice(0, 3)}_${padded(number, 4)}.jpg`;
    return { path: `${className}/${file}`, className };
  }
}

function padded(number: number, digits: number): string {
  return String(number).padStart(digits, '0');
}
