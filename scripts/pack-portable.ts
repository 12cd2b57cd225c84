/**
 * Packs DNNScaler for a bare Linux x86-64 machine: Node.js, the runtime and the built project, and
 * on demand the CUDA provider's files, in archives of at most 60 MB.
 *
 *     npm run pack:portable -- [--cuda providers|all] [--wheels FOLDER] [--out FOLDER]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { bringCuda } from './cuda/wheels.ts';
import { packFolder, writeUnpacker } from './portable/archives.ts';
import { stage } from './portable/stage.ts';

const root = path.join(import.meta.dirname, '..');
const folderName = 'dnnscaler';
const limitBytes = 60e6;

const help = `npm run pack:portable -- [options]

  --cuda PARTS       providers: the CUDA provider's files too; all: and CUDA 13 and cuDNN 9 themselves
  --wheels FOLDER    takes wheels that lie there instead of downloading them from PyPI
  --out FOLDER       default out/portable
  --help             this text`;

const { cuda, wheels, out, help: wantsHelp } = readOptions();
if (wantsHelp === true) {
  console.log(help);
  process.exit(0);
}
if (cuda !== undefined && cuda !== 'providers' && cuda !== 'all') {
  console.error(`error: --cuda must be providers or all; received "${cuda}"`);
  process.exit(2);
}

const scratch = mkdtempSync(path.join(tmpdir(), 'dnnscaler-portable-'));
try {
  const folder = path.join(scratch, folderName);
  console.log('gathering Node.js, the packages and the project');
  const libraries = stage(root, folder);
  const target = path.resolve(out);
  rmSync(target, { recursive: true, force: true });
  const packed = packFolder({ folder, target, prefix: 'dnnscaler', limitBytes });
  const archives = [...packed.archives];
  const splitFiles = [...packed.splitFiles];
  if (cuda !== undefined) {
    // A tree of its own, so that the archives without it are the same bytes with it.
    const extra = path.join(scratch, 'cuda', folderName);
    const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
    bringCuda({
      wheelFolder: path.resolve(wheels ?? path.join(cache, 'dnnscaler-wheels')),
      target: path.join(extra, path.relative(folder, libraries)),
      parts: cuda,
      offline: wheels !== undefined,
    });
    const more = packFolder({ folder: extra, target, prefix: 'dnnscaler-cuda', limitBytes });
    archives.push(...more.archives);
    splitFiles.push(...more.splitFiles);
  }
  writeUnpacker(
    target,
    { archives, splitFiles },
    {
      script: path.join(root, 'scripts/portable/unpack.sh'),
      folderName,
    },
  );
  for (const { name, bytes } of archives) console.log(`${(bytes / 1e6).toFixed(1)} MB  ${name}`);
  console.log(
    `in ${target}; carry them over with MANIFEST and unpack.sh, and run "sh unpack.sh" there`,
  );
} catch (error) {
  console.error(`error: ${(error as Error).message}`);
  process.exitCode = 1;
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

function readOptions() {
  try {
    return parseArgs({
      options: {
        cuda: { type: 'string' },
        wheels: { type: 'string' },
        out: { type: 'string', default: path.join(root, 'out/portable') },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    console.error(`error: ${(error as Error).message}\n\n${help}`);
    process.exit(2);
  }
}
