/**
 * Puts the CUDA provider's files beside onnxruntime-node's own library, from packages of PyPI, and
 * with them CUDA 13 and cuDNN 9, which the instances then find by themselves.
 *
 *     npm run fetch:cuda -- [--providers-only] [--from FOLDER] [--into FOLDER]
 */
import { homedir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { thisHost } from '../../src/engines/onnx/accelerator/host.ts';
import { bringCuda } from './wheels.ts';

const { values } = parseArgs({
  options: {
    'providers-only': { type: 'boolean', default: false },
    from: { type: 'string' },
    into: { type: 'string' },
  },
});
const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
const target = path.resolve(values.into ?? thisHost.providerFolder);
try {
  const files = bringCuda({
    wheelFolder: path.resolve(values.from ?? path.join(cache, 'dnnscaler-wheels')),
    target,
    parts: values['providers-only'] ? 'providers' : 'all',
    offline: values.from !== undefined,
  });
  console.log(`${files.length} files in ${target}\n"npm run check:cuda" says whether they work`);
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = 1;
}
