import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { DnnScalerError } from '../../errors.ts';

/** Files of this folder that are started as threads or processes of their own. */
export type Entry = 'thread-entry' | 'process-entry' | 'parent-watch';

/**
 * The compiled file to start. When this very file runs from source, the one that was built from
 * it: threads and child processes do not inherit what makes TypeScript run here.
 *
 * @throws DnnScalerError `unavailable` when it has not been built
 */
export function entryFile(entry: Entry, thisFile = import.meta.url): URL {
  const fromSource = thisFile.endsWith('.ts');
  const folder = fromSource ? '../../../dist/engines/onnx/' : './';
  const file = new URL(`${folder}${entry}.js`, thisFile);
  if (!existsSync(fileURLToPath(file))) {
    throw new DnnScalerError(
      'unavailable',
      `${fileURLToPath(file)} is missing; run "npm run build" first`,
    );
  }
  return file;
}
