import type { Approach } from '../../scaling/scaler.ts';

const scalerLabels: Readonly<Record<string, string>> = {
  auto: 'Auto',
  clipper: 'Clipper',
  dnnscaler: 'DNNScaler',
  batching: 'Batching',
  'multi-tenancy': 'Multi-Tenancy',
};

/** What a scaler is called in the report. */
export function scalerLabel(scaler: string): string {
  return scalerLabels[scaler] ?? scaler;
}

const shortApproaches: Readonly<Record<Approach, string>> = {
  batching: 'B',
  'multi-tenancy': 'MT',
  joint: 'B+MT',
};

/** An approach in a table that has no room: B or MT. */
export function shortApproach(approach: Approach | null): string {
  return approach === null ? '-' : shortApproaches[approach];
}

const datasetNames: Readonly<Record<string, string>> = {
  imagenet: 'ImageNet',
  caltech256: 'Caltech',
  ledov: 'LEDOV',
  dhf1k: 'DHF1K',
};

export function datasetName(dataset: string): string {
  return datasetNames[dataset] ?? dataset;
}

/** A gain with its sign; nothing is claimed for less than half a percent. */
export function gainText(percent: number): string {
  const rounded = Math.round(percent);
  if (rounded === 0) return '0%';
  return `${rounded < 0 ? '\u2212' : '+'}${Math.abs(rounded)}%`;
}
