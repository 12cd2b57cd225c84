import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { DnnScalerError } from '../../errors.ts';

/** Execution providers of ONNX Runtime, by its own names. */
export const providers = ['cpu', 'cuda', 'tensorrt', 'webgpu', 'dml', 'coreml'] as const;
export type Provider = (typeof providers)[number];

/** A provider that the installed build of onnxruntime-node knows. */
export interface OfferedProvider {
  readonly name: string;
  /** False for one whose libraries are installed apart, and are not there. */
  readonly installed: boolean;
}

/** The providers of the installed build of onnxruntime-node on this platform. */
export async function listProviders(): Promise<readonly OfferedProvider[]> {
  const { listSupportedBackends } = await import('onnxruntime-node');
  return listSupportedBackends().map(({ name, bundled }) => ({
    name,
    installed: bundled || existsSync(providerLibrary(name)),
  }));
}

/**
 * Checks that a session on this provider can be asked for at all, before anything is started.
 *
 * @throws DnnScalerError `unsupported` when this build does not know the provider; `unavailable`
 *   when it does, and its libraries are missing
 */
export function requireProvider(
  provider: Provider,
  offered: readonly OfferedProvider[],
  platform = `${process.platform} ${process.arch}`,
): void {
  const found = offered.find(({ name }) => name === provider);
  if (found === undefined) {
    const names = offered.map(({ name }) => name).join(', ');
    throw new DnnScalerError(
      'unsupported',
      `execution provider ${provider} is not in this build of onnxruntime-node for ${platform}, which has ${names}`,
    );
  }
  if (!found.installed) {
    // The script itself, since npm may be told not to run a package's install scripts.
    const install = 'node node_modules/onnxruntime-node/script/install.js';
    throw new DnnScalerError(
      'unavailable',
      `execution provider ${provider} needs libraries that are not installed; fetch them with ` +
        `"${install} --onnxruntime-node-install=cuda12"`,
    );
  }
}

/** Where onnxruntime-node looks for the library of a provider that it does not bundle. */
function providerLibrary(name: string): string {
  const main = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = join(main, '..', '..', 'bin', 'napi-v6', process.platform, process.arch);
  const [prefix, suffix] = process.platform === 'win32' ? ['', 'dll'] : ['lib', 'so'];
  return join(folder, `${prefix}onnxruntime_providers_${name}.${suffix}`);
}
