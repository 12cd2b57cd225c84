import { readdir, stat } from 'node:fs/promises';
import path from 'node:path';

/** Name of the file that is the model, in the folder of its version. */
export const modelFileName = 'model.onnx';

/** Versions of a model's folder that hold a model, newest first. */
export async function versionsIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const versions: string[] = [];
  for (const { name } of entries) {
    if (!/^[1-9]\d{0,17}$/.test(name)) continue;
    const file = await stat(path.join(folder, name, modelFileName)).catch(() => undefined);
    if (file?.isFile() === true) versions.push(name);
  }
  return versions.sort((a, b) => Number(BigInt(b) - BigInt(a)));
}
