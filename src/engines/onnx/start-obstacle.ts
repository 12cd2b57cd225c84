import { DnnScalerError } from '../../errors.ts';
import { formatBytes } from '../../units.ts';

export interface StartConditions {
  readonly modelBytes: number;
  /** Memory that can still be taken. */
  readonly availableBytes: number;
  readonly cores: number;
  /** Instances that are loading, whose memory is not taken yet. */
  readonly loading: number;
  /** Threads that hang, each on a core or more. */
  readonly hung: number;
}

/**
 * Weights are held once as they are and once as the kernels want them packed, at most; what a run
 * itself needs comes on top, and is not known before.
 */
const bytesPerModelByte = 2;

/**
 * Why one more instance should not be started. Without this, a thread too many would have the whole
 * process killed for want of memory.
 */
export function startObstacle(conditions: StartConditions): DnnScalerError | undefined {
  const { modelBytes, availableBytes, cores, loading, hung } = conditions;
  if (hung >= cores) {
    const message = 'hung thread instances take every core, so none is started in their place';
    return new DnnScalerError('resource-exhausted', message);
  }
  const neededBytes = modelBytes * bytesPerModelByte;
  const leftBytes = Math.max(0, availableBytes - loading * neededBytes);
  if (leftBytes >= neededBytes) return undefined;
  const message = `another instance takes about ${formatBytes(neededBytes)} of memory, and ${formatBytes(leftBytes)} is left`;
  return new DnnScalerError('resource-exhausted', message);
}
