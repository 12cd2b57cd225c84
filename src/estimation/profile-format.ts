import { DnnScalerError } from '../errors.ts';
import type { Cells } from './cells.ts';

/** One measured operating point. */
export interface SurfaceCell {
  readonly batchSize: number;
  readonly instances: number;
  readonly latencyMs: number;
}

/** What was measured of one network on one machine. */
export interface NetworkProfile {
  /** Content hash of the model, such as `sha256:...`; with machine and provider it is the key. */
  readonly modelHash: string;
  /** The machine, as `machineSignature` tells machines apart. */
  readonly machine: string;
  /** Execution provider, such as `cpu` or `cuda`. */
  readonly provider: string;
  /** For people. */
  readonly name: string;
  /** ISO 8601. */
  readonly measuredAt: string;
  /** At batch size 1. */
  readonly cells: Cells;
  readonly surface?: readonly SurfaceCell[];
}

/** What a profile file holds: the profiles that make sense, and what is wrong with the rest. */
export interface ProfileFileContent {
  readonly profiles: readonly NetworkProfile[];
  /** A sentence part such as `it is no JSON`; absent for a sound file. */
  readonly damage?: string;
}

const formatName = 'dnnscaler-profiles';
const formatVersion = 1;

/** The file's text, version 1 of the format of docs/estimation.md. */
export function writeProfiles(profiles: readonly NetworkProfile[]): string {
  const entries = profiles.map(({ cells, ...profile }) => ({
    ...profile,
    latenciesMs: Object.fromEntries(cells),
  }));
  const file = { format: formatName, version: formatVersion, profiles: entries };
  return `${JSON.stringify(file, null, 1)}\n`;
}

/**
 * Reads a profile file's text. Damage is reported rather than thrown, with the profiles that are
 * whole; fields that version 1 does not know are dropped.
 *
 * @param file its name, for the error message
 * @throws DnnScalerError `unsupported` when a newer version of this package wrote it
 */
export function readProfiles(text: string, file: string): ProfileFileContent {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return { profiles: [], damage: 'it is no JSON' };
  }
  if (!isRecord(parsed) || parsed.format !== formatName) {
    return { profiles: [], damage: `its "format" is not "${formatName}"` };
  }
  const version = parsed.version;
  if (typeof version === 'number' && version > formatVersion) {
    throw new DnnScalerError(
      'unsupported',
      `${file} was written by a newer dnnscaler: it has version ${version}, and this one reads up ` +
        `to ${formatVersion}; it is left as it is`,
    );
  }
  const entries = parsed.profiles;
  if (version !== formatVersion || !Array.isArray(entries)) {
    return { profiles: [], damage: 'it has no version or no list of profiles' };
  }
  const profiles = entries.map(toProfile).filter((profile) => profile !== undefined);
  const broken = entries.length - profiles.length;
  if (broken === 0) return { profiles };
  return { profiles, damage: `${broken} of its ${entries.length} profiles make no sense` };
}

function toProfile(entry: unknown): NetworkProfile | undefined {
  if (!isRecord(entry)) return undefined;
  const { modelHash, machine, provider, name, measuredAt, latenciesMs, surface } = entry;
  if (
    !isText(modelHash) ||
    !isText(machine) ||
    !isText(provider) ||
    !isText(name) ||
    !isText(measuredAt) ||
    !isRecord(latenciesMs)
  ) {
    return undefined;
  }
  const cells = Object.entries(latenciesMs).map(([count, ms]) => [Number(count), ms] as const);
  if (cells.length === 0 || !cells.every(isCell)) return undefined;
  const profile = { modelHash, machine, provider, name, measuredAt, cells: new Map(cells) };
  if (surface === undefined) return profile;
  return Array.isArray(surface) && surface.every(isSurfaceCell)
    ? { ...profile, surface }
    : undefined;
}

function isCell(cell: readonly [number, unknown]): cell is readonly [number, number] {
  return isCount(cell[0]) && isLatency(cell[1]);
}

function isSurfaceCell(cell: unknown): cell is SurfaceCell {
  return (
    isRecord(cell) &&
    isCount(cell.batchSize) &&
    isCount(cell.instances) &&
    isLatency(cell.latencyMs)
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value !== '';
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function isLatency(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && Number.isFinite(value);
}
