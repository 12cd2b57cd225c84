import { DnnScalerError } from '../../errors.ts';

/** Execution providers of ONNX Runtime, by its own names. */
export const providers = ['cpu', 'cuda', 'tensorrt', 'webgpu', 'dml', 'coreml'] as const;
export type Provider = (typeof providers)[number];

/**
 * Whether a session runs every batch size fast that it has run once. On CUDA with cuDNN 9 it plans its
 * convolutions anew whenever the size is another than in the run before: 0.7 s for the 27 of
 * MobileNet V1 on an H200 (ONNX Runtime 1.20 and later, issue 23006 of microsoft/onnxruntime).
 */
export function keepsKernelsOfAllSizes(provider: Provider): boolean {
  return provider !== 'cuda';
}

/** The providers of the installed build of onnxruntime-node on this platform, bundled or not. */
export async function listProviders(): Promise<readonly string[]> {
  const { listSupportedBackends } = await import('onnxruntime-node');
  return listSupportedBackends().map(({ name }) => name);
}

/**
 * Checks that this build of the runtime knows a provider at all.
 *
 * @throws DnnScalerError `unsupported` when it does not
 */
export function requireProvider(
  provider: Provider,
  offered: readonly string[],
  platform = `${process.platform} ${process.arch}`,
): void {
  if (offered.includes(provider)) return;
  throw new DnnScalerError(
    'unsupported',
    `execution provider ${provider} is not in this build of onnxruntime-node for ${platform}, which has ${offered.join(', ')}`,
  );
}
