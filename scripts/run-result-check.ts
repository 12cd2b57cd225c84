import { expect } from './check-list.ts';

type Json = Record<string, unknown>;

/**
 * Checks what `dnnscaler run --json` printed: that every promised field is there, in range, and
 * agrees with the others and with the exit code.
 *
 * @throws Error naming the field at fault
 */
export function expectRunResult(
  result: unknown,
  expected: { sloLimitMs: number; held: boolean },
): void {
  const run = objectAt(result, 'the result');
  const approaches = ['batching', 'multi-tenancy'];
  expect(approaches.includes(run.approach as string), `approach is ${show(run.approach)}`);

  const profile = objectAt(run.profile, 'profile');
  const probes = listAt(profile.probes, 'profile.probes');
  expect(probes.length >= 2, `profile.probes has ${probes.length} entries`);
  for (const probe of probes) {
    positiveAt(objectAt(probe, 'profile.probes[]'), 'throughputPerS');
  }
  const tiBatching = numberAt(profile, 'tiBatchingPercent');
  const tiMultiTenancy = numberAt(profile, 'tiMultiTenancyPercent');
  const better = tiBatching > tiMultiTenancy ? 'batching' : 'multi-tenancy';
  expect(
    run.approach === better || tiBatching === tiMultiTenancy,
    `approach is ${show(run.approach)} with TI_B ${tiBatching}% and TI_MT ${tiMultiTenancy}%`,
  );

  const point = objectAt(run.operatingPoint, 'operatingPoint');
  for (const knob of ['batchSize', 'instances']) {
    const value = positiveAt(point, knob);
    expect(Number.isInteger(value), `operatingPoint.${knob} is ${value}`);
  }

  positiveAt(run, 'throughputPerS');
  const latencyMs = objectAt(run.latencyMs, 'latencyMs');
  const [p50, p95, p99] = ['p50', 'p95', 'p99'].map((name) => positiveAt(latencyMs, name)) as [
    number,
    number,
    number,
  ];
  expect(p50 <= p95 && p95 <= p99, `latencyMs is out of order: ${show(latencyMs)}`);

  const slo = objectAt(run.slo, 'slo');
  expect(numberAt(slo, 'percentile') === 0.95, `slo.percentile is ${show(slo.percentile)}`);
  const limitMs = numberAt(slo, 'limitMs');
  expect(limitMs === expected.sloLimitMs, `slo.limitMs is ${limitMs}`);
  const attainment = numberAt(run, 'sloAttainment');
  expect(attainment >= 0 && attainment <= 1, `sloAttainment is ${attainment}`);
  expect(
    p95 <= limitMs === expected.held,
    `p95 is ${p95} ms with an SLO of ${limitMs} ms, but the exit code says ` +
      (expected.held ? 'held' : 'not held'),
  );

  const windows = listAt(run.windows, 'windows').map((one) => objectAt(one, 'windows[]'));
  expect(windows.length >= 3, `windows has ${windows.length} entries`);
  for (const window of windows) {
    expect(
      typeof window.reason === 'string' && window.reason !== '',
      `a window without a reason: ${show(window)}`,
    );
  }
}

function objectAt(value: unknown, name: string): Json {
  expect(
    typeof value === 'object' && value !== null && !Array.isArray(value),
    `${name} is ${show(value)}`,
  );
  return value as Json;
}

function listAt(value: unknown, name: string): readonly unknown[] {
  expect(Array.isArray(value), `${name} is ${show(value)}`);
  return value;
}

function numberAt(from: Json, name: string): number {
  const value = from[name];
  expect(typeof value === 'number' && Number.isFinite(value), `${name} is ${show(value)}`);
  return value;
}

function positiveAt(from: Json, name: string): number {
  const value = numberAt(from, name);
  expect(value > 0, `${name} is ${value}`);
  return value;
}

function show(value: unknown): string {
  return value === undefined ? 'missing' : JSON.stringify(value);
}
