/** What docs/serving.md lists must be what the server has. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { serveCommand } from '../src/cli/serve.ts';
import { systemClock } from '../src/clock.ts';
import { defaultWireLimits } from '../src/oip/wire-limits.ts';
import { defaultGrpcLimits } from '../src/server/grpc/options.ts';
import { defaultHttpLimits } from '../src/server/http/options.ts';
import { ServerMetrics } from '../src/server/metrics.ts';
import { MemoryBudget } from '../src/serving/models/memory-budget.ts';
import { parseModelConfig } from '../src/serving/models/model-config.ts';
import type { ModelRepository } from '../src/serving/models/model-repository.ts';

const guide = readFileSync(new URL('../docs/serving.md', import.meta.url), 'utf8');

/** The text between a heading and the next. */
function section(heading: string): string {
  const [, text] = guide.split(`\n${heading}\n`);
  if (text === undefined) throw new Error(`docs/serving.md has no heading ${heading}`);
  return text.split(/\n#/)[0] as string;
}

/** What stands in code marks in the first column of a section's tables. */
function firstColumn(text: string): readonly string[] {
  return [...text.matchAll(/^\|([^|]*)\|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code),
  );
}

describe('docs/serving.md', () => {
  it('lists every metric, and no other', async () => {
    const metrics = new ServerMetrics(systemClock);
    const none: Pick<ModelRepository, 'serving'> = { serving: [] };
    metrics.watch(none as ModelRepository, new MemoryBudget(1));
    const { body } = await metrics.expose();
    const exposed = [...body.matchAll(/^# TYPE dnnscaler_(\w+)/gm)].map(([, name]) => name);
    const listed = firstColumn(section('## Metrics')).map((name) => name.replace(/\{.*/, ''));
    expect(listed.toSorted()).toEqual(exposed.toSorted());
  });

  it('lists every field of a configuration, with an example that is valid', () => {
    const text = section('### dnnscaler.json');
    const [, example = ''] = /```json\n([^]*?)```/.exec(text) ?? [];
    expect(parseModelConfig(example, 'example')).toMatchObject({ percentile: 0.99 });
    const values: Record<string, unknown> = {
      slo: '50ms',
      percentile: 0.5,
      scaler: 'auto',
      objective: 'throughput-per-watt',
      preprocessing: 'imagenet',
      labels: 'labels.txt',
      shapes: { ids: [1, 128] },
      provider: 'cpu',
      isolation: 'thread',
      device: 0,
      memoryPerInstance: '2GiB',
      threadsPerInstance: 'auto',
      maxInstances: 1,
      maxBatchSize: 1,
    };
    expect(firstColumn(text)).toEqual(Object.keys(values));
    expect(parseModelConfig(JSON.stringify(values), 'all')).toEqual(values);
  });

  it('states the limits that are in force', () => {
    const rows = section('## Limits')
      .split('\n')
      .map((line) => line.replace(/\s+/g, ' '));
    const row = (what: string): string => rows.find((line) => line.startsWith(`| ${what}`)) ?? '';
    const http = defaultHttpLimits;
    const grpc = defaultGrpcLimits;
    const mebibytes = (bytes: number): string => `| ${bytes / 2 ** 20} MiB |`;
    const seconds = (ms: number): string => `${ms / 1000} s`;
    for (const { maxBufferedBytes } of [http, grpc]) {
      expect(row('bodies')).toContain(`| ${maxBufferedBytes / 2 ** 30} GiB |`);
    }
    expect(row('one body')).toContain(mebibytes(http.maxBodyBytes));
    expect(row('one body')).toContain(mebibytes(grpc.maxMessageBytes));
    for (const { maxConcurrentRequests, maxConnections, ...others } of [http, grpc]) {
      expect(row('inference requests')).toContain(maxConcurrentRequests.toLocaleString('en-US'));
      expect(row('connections')).toContain(maxConnections.toLocaleString('en-US'));
      expect(row('time for a request')).toContain(seconds(others.requestTimeoutMs));
    }
    expect(row('JSON text')).toContain(mebibytes(defaultWireLimits.maxJsonBytes));
    const maxPixels = serveCommand().options.find(({ long }) => long === '--max-pixels');
    const pixels = maxPixels?.defaultValue as number;
    expect(row('pixels')).toContain(`| ${pixels.toLocaleString('en-US')} |`);
    expect(row('headers')).toContain(`${http.maxHeaderBytes / 1024} KiB`);
    expect(row('time for headers')).toContain(seconds(http.headersTimeoutMs));
    expect(row('time for headers')).toContain(seconds(grpc.handshakeTimeoutMs));
    expect(row('idle')).toContain(seconds(http.idleTimeoutMs));
    expect(row('idle')).toContain(`${grpc.idleTimeoutMs / 60_000} min`);
    expect(row('client that takes')).toContain(seconds(http.writeTimeoutMs));
    expect(row('unanswered')).toContain(String(grpc.maxRequestsOfStream));
    expect(row('calls')).toContain(grpc.maxCallsOfConnection.toLocaleString('en-US'));
    expect(row('no answer')).toContain(seconds(grpc.keepaliveTimeoutMs));
    expect(row('no answer')).toContain(seconds(grpc.keepaliveIntervalMs));
  });
});
