import { readFileSync } from 'node:fs';
import { DnnScalerError } from './errors.ts';

/**
 * The text of a table that comes with this package.
 *
 * @param file its name in `data/`
 * @throws DnnScalerError `internal` when the installation lacks it
 */
export function readPackageData(file: string): string {
  try {
    // `data/` lies beside `src/` in the repository and beside `dist/` in the package.
    return readFileSync(new URL(`../data/${file}`, import.meta.url), 'utf8');
  } catch (error) {
    throw new DnnScalerError('internal', `data/${file} is missing from this installation`, {
      cause: error,
    });
  }
}
