/** So many for each row of a batch. */
export interface PerRow {
  readonly perRow: number;
}

/**
 * The size of a dimension, or a number computed from sizes: known, known for each row of a batch,
 * or undefined where it cannot be told.
 */
export type Extent = number | PerRow | undefined;

/** The size of the batch itself. */
export const batchExtent: PerRow = { perRow: 1 };

export function isPerRow(extent: Extent): extent is PerRow {
  return typeof extent === 'object';
}

export function sameExtent(a: Extent, b: Extent): boolean {
  if (isPerRow(a) && isPerRow(b)) return a.perRow === b.perRow;
  return a !== undefined && a === b;
}

/** The extent in a batch of so many rows. */
export function extentAt(extent: Extent, rows: number): number | undefined {
  return isPerRow(extent) ? extent.perRow * rows : extent;
}

/** The product; undefined too for the square of the batch. */
export function times(a: Extent, b: Extent): Extent {
  if (a === undefined || b === undefined) return a === 0 || b === 0 ? 0 : undefined;
  if (isPerRow(a)) return isPerRow(b) ? undefined : { perRow: a.perRow * b };
  return isPerRow(b) ? { perRow: a * b.perRow } : a * b;
}

export function product(extents: readonly Extent[]): Extent {
  return extents.reduce<Extent>(times, 1);
}

/** The quotient where it comes out even. */
export function dividedBy(a: Extent, b: Extent): Extent {
  if (a === undefined || b === undefined || b === 0) return undefined;
  if (isPerRow(a)) {
    if (isPerRow(b)) return whole(a.perRow / b.perRow);
    const perRow = whole(a.perRow / b);
    return perRow === undefined ? undefined : { perRow };
  }
  return isPerRow(b) ? undefined : whole(a / b);
}

function whole(value: number): number | undefined {
  return Number.isInteger(value) ? value : undefined;
}

/** `[N, 7, ?]`, with the batch as N and what is not known as a question mark. */
export function showExtents(dims: readonly Extent[] | undefined): string {
  return dims === undefined ? '[...]' : `[${dims.map(showExtent).join(', ')}]`;
}

function showExtent(extent: Extent): string {
  if (extent === undefined) return '?';
  if (!isPerRow(extent)) return String(extent);
  return extent.perRow === 1 ? 'N' : `${extent.perRow} N`;
}
