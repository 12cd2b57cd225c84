import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DnnScalerError, invalidArgument } from '../../errors.ts';
import type { LoadOptions } from '../../oip/data-plane.ts';
import { modelFileName, versionsIn } from './model-folder.ts';
import type { ModelToServe } from './model-repository.ts';
import type { ConfiguredModel } from './spec.ts';
import { specOf } from './spec.ts';

/** Serves files that came with the request, from a folder of their own that goes with the model. */
export async function serveUpload(
  files: LoadOptions['files'],
  base: Omit<ConfiguredModel, 'version' | 'modelPath'>,
  otherVersions: readonly string[],
): Promise<ModelToServe> {
  const folder = await putAside(files);
  const release = (): Promise<void> => rm(folder, { recursive: true, force: true });
  try {
    const [version = ''] = await versionsIn(folder);
    const modelPath = path.join(folder, version, modelFileName);
    return { spec: specOf({ ...base, version, modelPath }), otherVersions, release };
  } catch (thrown) {
    await release();
    throw thrown;
  }
}

/**
 * Writes uploaded files to a folder of their own.
 *
 * @throws DnnScalerError `invalid-argument` unless they are `VERSION/FILE` with one model among them
 */
async function putAside(files: LoadOptions['files']): Promise<string> {
  for (const name of files.keys()) {
    if (!/^[1-9]\d{0,17}\/[\w.-]{1,200}$/.test(name) || name.includes('..')) {
      throw invalidArgument('an uploaded file', 'must be named VERSION/FILE', name);
    }
  }
  if (![...files.keys()].some((name) => name.endsWith(`/${modelFileName}`))) {
    throw invalidArgument('the upload', `must hold VERSION/${modelFileName}`, [...files.keys()]);
  }
  let folder: string | undefined;
  try {
    folder = await mkdtemp(path.join(tmpdir(), 'dnnscaler-upload-'));
    for (const [name, bytes] of files) {
      const file = path.join(folder, name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, bytes);
    }
    return folder;
  } catch (cause) {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
    const message = `the uploaded files cannot be kept: ${(cause as Error).message}`;
    throw new DnnScalerError('resource-exhausted', message, { cause });
  }
}
