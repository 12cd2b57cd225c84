import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { DnnScalerError } from '../errors.ts';
import { chooseSurface, parseSurfaces } from '../simulator/surface-csv.ts';
import type { Surface } from '../simulator/surface.ts';

/**
 * Reads one network's surface from a file.
 *
 * @throws DnnScalerError `not-found` for a file that cannot be read, `invalid-argument` for a bad
 *   one, and for a network that is not in it
 */
export async function readSurface(file: string, network: string | undefined): Promise<Surface> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new DnnScalerError('not-found', `the surface file cannot be read: ${why}`, {
      cause: error,
    });
  }
  return chooseSurface(parseSurfaces(text, basename(file)), network);
}
