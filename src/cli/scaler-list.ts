import { InvalidArgumentError } from 'commander';
import { scalerForms } from '../scaling/create-scaler.ts';

/**
 * Parses a list of scalers. A fixed point holds a comma (`fixed:1,1`), so commas separate only where no
 * digit follows.
 *
 * @throws InvalidArgumentError for a list without any
 */
export function splitScalers(text: string): readonly string[] {
  const names = text.split(/[;\s]+|,(?!\d)/).filter((name) => name !== '');
  if (names.length > 0) return names;
  throw new InvalidArgumentError(`It must name at least one of ${scalerForms}.`);
}
