import type { ErrorCode } from '../errors.ts';
import type { Verdict } from '../serving/run-result.ts';

/** Exit status by how a run ended. */
export const verdictExitCodes: Readonly<Record<Verdict, number>> = {
  held: 0,
  'not-held': 1,
  infeasible: 3,
  undecided: 1,
};

/** Exit status by error: 2 where the user's input has to change, 1 for the rest. */
export const errorExitCodes: Readonly<Record<ErrorCode, number>> = {
  'invalid-argument': 2,
  'not-found': 2,
  unsupported: 2,
  unavailable: 1,
  'resource-exhausted': 1,
  'deadline-exceeded': 1,
  cancelled: 130,
  internal: 1,
};
