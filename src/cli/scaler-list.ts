/** A fixed point holds a comma (`fixed:1,1`), so commas separate only where no digit follows. */
export function splitScalers(text: string): readonly string[] {
  return text.split(/[;\s]+|,(?!\d)/).filter((name) => name !== '');
}
