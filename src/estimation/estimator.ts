import { DnnScalerError } from '../errors.ts';
import type { Cells, LibraryRow } from './cells.ts';
import { estimateCurve } from './estimate-curve.ts';
import { p40Networks } from './known-networks.ts';
import type { ProfileLibraryOptions } from './profile-library.ts';
import { ProfileLibrary } from './profile-library.ts';

/**
 * Weights of library rows beside rows of the same machine and provider, which count 1. Curves of
 * another machine of the kind help while there are few of one's own; between accelerators and CPUs
 * they hardly carry over (docs/estimation.md has figures).
 */
const foreignWeight = { sameKind: 0.1, otherKind: 0.01 } as const;

/** The built-in networks as seen from any other accelerator: the library when no other is given. */
export const builtInLibrary: readonly LibraryRow[] = builtInRows(foreignWeight.sameKind);

/** Whose latencies are to be estimated. */
export interface LibraryFor {
  /** As `machineSignature` tells machines apart. */
  readonly machine: string;
  /** Execution provider, such as `cpu` or `cuda`. */
  readonly provider: string;
}

/**
 * The library for a machine: the built-in networks and the profiles kept by `ProfileLibrary`, each
 * weighed by how near it is to that machine. A profile file that cannot be used is said through
 * `onWarning`, and left out.
 */
export async function loadLibrary(
  target: LibraryFor,
  options: ProfileLibraryOptions = {},
): Promise<LibraryRow[]> {
  const ownKind = kindOf(target.provider);
  const weightFor = (provider: string): number =>
    kindOf(provider) === ownKind ? foreignWeight.sameKind : foreignWeight.otherKind;
  const builtIn = builtInRows(weightFor(p40Provider));
  try {
    const profiles = await new ProfileLibrary(options).read();
    const kept = profiles.map(({ name, cells, machine, provider }) => {
      const same = machine === target.machine && provider === target.provider;
      return { name, cells, weight: same ? 1 : weightFor(provider) };
    });
    return [...builtIn, ...kept];
  } catch (error) {
    if (!(error instanceof DnnScalerError)) throw error;
    options.onWarning?.(`estimating without the profiles kept on this machine: ${error.message}`);
    return builtIn;
  }
}

/**
 * Estimates latencies at 1 to `count` instances from the observed ones: `result[n - 1]` is the latency
 * in ms at n instances. This is what the Multi-Tenancy scaler starts from.
 *
 * @param library default: the built-in networks, as those of another machine
 */
export function estimatorFor(
  library: readonly LibraryRow[] = builtInLibrary,
): (observedMs: Cells, count: number) => readonly number[] {
  return (observedMs, count) =>
    estimateCurve(
      observedMs,
      Array.from({ length: count }, (_, i) => i + 1),
      library,
    );
}

/** What the P40 was driven by. */
const p40Provider = 'cuda';

function kindOf(provider: string): 'cpu' | 'accelerator' {
  return provider === 'cpu' ? 'cpu' : 'accelerator';
}

function builtInRows(weight: number): LibraryRow[] {
  return p40Networks.map((row) => ({ ...row, weight }));
}
