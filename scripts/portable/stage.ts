import { chmodSync, copyFileSync, cpSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { portableNode } from '../node-binaries.ts';
import { npm } from '../npm.ts';

/** A version with long-term support; the package of the npm registry carries the official binary. */
const nodeVersion = '22.23.3';

/** Folders of native packages that are for other platforms, and what only builds and editors read. */
const left = [
  /^onnxruntime-node\/bin\/napi-v6\/(?!linux\/x64)[^/]+\/[^/]+$/,
  /^onnxruntime-node\/script$/,
  /\.(map|d\.ts|d\.mts|d\.cts|tsbuildinfo|flow|markdown)$/,
  /^echarts\/(?!dist|package\.json|LICENSE|NOTICE)/,
  /^echarts\/dist\/(?!echarts\.min\.js)/,
  /\/(test|tests|__tests__|docs|examples)$/,
];

/**
 * Puts everything that `dnnscaler` needs on a bare Linux x86-64 machine into a folder: Node.js, the
 * built project, and its packages without what is for other machines.
 *
 * @returns the folder of ONNX Runtime's libraries, where those of providers belong, too
 * @throws Error when a package cannot be had
 */
export function stage(root: string, folder: string): string {
  const node = portableNode(nodeVersion);
  if (!node.found) throw new Error(node.why);
  copyTo(node.file, path.join(folder, 'node/bin/node'));
  copyTo(path.join(root, 'scripts/portable/dnnscaler.sh'), path.join(folder, 'bin/dnnscaler'));
  chmodSync(path.join(folder, 'bin/dnnscaler'), 0o755);

  const app = path.join(folder, 'app');
  mkdirSync(app, { recursive: true });
  for (const name of ['package.json', 'package-lock.json', 'LICENSE']) {
    copyFileSync(path.join(root, name), path.join(app, name));
  }
  for (const name of ['dist', 'data', 'bench/gpu.mjs', 'bench/gpu']) {
    cpSync(path.join(root, name), path.join(app, name), { recursive: true });
  }
  // What is measured on such a machine is measured with this.
  for (const name of ['bench/gpu.mjs', 'bench/gpu/torch_yardstick.py']) {
    copyTo(path.join(root, name), path.join(app, name));
  }
  const installed = npm(
    [
      'ci',
      '--omit=dev',
      '--ignore-scripts',
      '--os=linux',
      '--cpu=x64',
      '--libc=glibc',
      '--no-audit',
      '--no-fund',
    ],
    app,
  );
  if (installed.status !== 0) throw new Error(`npm ci failed:\n${installed.output}`);
  trim(path.join(app, 'node_modules'));
  trim(path.join(app, 'dist'));
  return path.join(app, 'node_modules/onnxruntime-node/bin/napi-v6/linux/x64');
}

function trim(folder: string): void {
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (left.some((pattern) => pattern.test(name))) {
      rmSync(path.join(folder, name), { recursive: true, force: true });
    }
  }
}

function copyTo(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true });
  copyFileSync(from, to);
}
