import { invalidArgument } from '../errors.ts';
import { readPackageData } from '../package-data.ts';
import type { TableRow } from '../simulator/csv-table.ts';
import { readTable } from '../simulator/csv-table.ts';
import type { P40Tables } from '../simulator/p40-tables.ts';
import type { Approach } from '../scaling/scaler.ts';
import type { PaperJob } from './paper-jobs.ts';

/** Names in the authors' table of latencies by instances, and ours. */
const networkNames: Readonly<Record<string, string>> = {
  'Inc-V1': 'inception_v1',
  'Inc-V2': 'inception_v2',
  'Mob-V1-1': 'mobilenet_v1_100',
  'Mob-V1-05': 'mobilenet_v1_050',
  'Mob-V1-025': 'mobilenet_v1_025',
  'Mob-V2-1': 'mobilenet_v2_100',
  'Mob-V2-14': 'mobilenet_v2_140',
  'NAS-Mob': 'nasnet_mobile',
  'PNAS-Mob': 'pnasnet_mobile',
  'Res-V2-50': 'resnet_v2_50',
  DeePVS: 'deepvs',
};

const datasetNames: Readonly<Record<string, string>> = {
  Imagenet: 'imagenet',
  Caltech: 'caltech256',
  LEDOV: 'ledov',
  DHF1K: 'dhf1k',
};

const approaches: Readonly<Record<string, Approach>> = {
  batching: 'batching',
  'multi-tenancy': 'multi-tenancy',
};

const instanceColumns = Array.from({ length: 10 }, (_, i) => `ms_at_${i + 1}`);

/** The tables measured on the P40, as they ship in `data/`. */
export function loadP40Tables(): P40Tables {
  return {
    instanceRows: load('p40-latency-by-instances.csv', ['dataset', 'dnn', ...instanceColumns]).map(
      (row) => ({
        network: translate(row, 'dnn', networkNames),
        dataset: translate(row, 'dataset', datasetNames),
        latenciesMs: instanceColumns.map((column) => row.positive(column)),
      }),
    ),
    batchFits: load('p40-batch-path-fit.csv', [
      'dnn',
      'dataset',
      'fixed_ms',
      'per_image_ms',
      'gpu_ms_per_image',
    ]).map((row) => ({
      network: row.text('dnn'),
      dataset: row.text('dataset'),
      fixedMs: row.nonNegative('fixed_ms'),
      perImageMs: row.positiveOrNone('per_image_ms'),
      // A time of 0 was rounded away or lost in noise: as good as unknown.
      gpuMsPerImage: row.positiveOrNone('gpu_ms_per_image'),
    })),
    macsMillions: new Map(
      load('models.csv', ['name', 'macs_millions']).map((row) => [
        row.text('name'),
        row.positive('macs_millions'),
      ]),
    ),
  };
}

/** The published jobs, as they ship in `data/`. */
export function loadPaperJobs(): readonly PaperJob[] {
  return load('paper-jobs.csv', ['job', 'dnn', 'dataset', 'slo_ms', 'approach_in_seed']).map(
    (row) => ({
      job: row.count('job', 1000),
      network: row.text('dnn'),
      dataset: row.text('dataset'),
      sloMs: row.positive('slo_ms'),
      seedApproach: translate(row, 'approach_in_seed', approaches),
    }),
  );
}

function load(file: string, columns: readonly string[]): readonly TableRow[] {
  return readTable(readPackageData(file), `data/${file}`, columns);
}

function translate<T>(row: TableRow, column: string, names: Readonly<Record<string, T>>): T {
  const name = row.text(column);
  const ours = Object.hasOwn(names, name) ? names[name] : undefined;
  if (ours !== undefined) return ours;
  const rule = `must be one of ${Object.keys(names).join(', ')}`;
  throw invalidArgument(`line ${row.line}, column ${column}`, rule, name);
}
