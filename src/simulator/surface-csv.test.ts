import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { chooseSurface, parseSurfaces, writeSurfaces } from './surface-csv.ts';

const header = 'network,batch_size,instances,latency_ms';
const parse = (...lines: string[]) => parseSurfaces([header, ...lines].join('\n'), 'my.csv');

describe('parseSurfaces', () => {
  it('reads the five networks of the A100 table', () => {
    const text = readFileSync(new URL('../../data/a100-surface.csv', import.meta.url), 'utf8');
    const surfaces = parseSurfaces(text, 'a100-surface.csv');
    expect([...surfaces.keys()]).toEqual([
      'mobilenetv2',
      'resnet50',
      'resnet152',
      'densenet169',
      'vgg19',
    ]);
    expect(surfaces.get('resnet50')?.latencyMs(64, 2)).toBe(46.443);
    expect(surfaces.get('resnet50')?.limits).toEqual({
      minBatchSize: 1,
      maxBatchSize: 256,
      maxInstances: 5,
    });
  });

  it('takes columns in any order, and passes over others', () => {
    const text = 'latency_ms,note,instances,network,batch_size\n5.5,"a, b",1,net,4\n';
    expect(parseSurfaces(text, 'x').get('net')?.latencyMs(4, 1)).toBe(5.5);
  });

  it.each([
    [
      ['net,0,1,5'],
      'my.csv line 2, column batch_size must be an integer from 1 to 65536; received "0"',
    ],
    [
      ['net,1,1,5', 'net,2,1.5,5'],
      'my.csv line 3, column instances must be an integer from 1 to 1024; received "1.5"',
    ],
    [['net,1,1,-5'], 'my.csv line 2, column latency_ms must be a number over 0; received "-5"'],
    [['net,1,1,fast'], 'my.csv line 2, column latency_ms must be a number over 0; received "fast"'],
    [['net,1,1,0x10'], 'my.csv line 2, column latency_ms must be a number over 0; received "0x10"'],
    [
      ['net,1,1,1e999'],
      'my.csv line 2, column latency_ms must be a number over 0; received "1e999"',
    ],
    [[',1,1,5'], 'my.csv line 2, column network must not be empty; received ""'],
    [['net,1,1'], 'my.csv line 2 must have 4 fields as its header has; received "net,1,1"'],
    [
      ['net,1,1,5', '', 'net,1,1,6'],
      'my.csv line 4 must not measure a point twice (line 2 did); received "net,1,1"',
    ],
    [[], 'my.csv must have lines below its header; it has none'],
    [
      ['net,1,2,5'],
      'the surface of net must have latencies at 1 instance, where every search begins',
    ],
    [['net,"1'], 'my.csv: CSV line 2 has a quote that is never closed'],
  ])('rejects %j with line, column, rule and value', (lines, message) => {
    expect(() => parse(...lines)).toThrow(message);
  });

  it('names the columns it misses', () => {
    expect(() => parseSurfaces('network,batch_size,latency_ms\nn,1,1\n', 'my.csv')).toThrow(
      'my.csv line 1 must name the columns network, batch_size, instances, latency_ms, each once; received "network,batch_size,latency_ms"',
    );
    expect(() => parseSurfaces('', 'empty.csv')).toThrow(/empty.csv line 1 must name the columns/);
  });
});

describe('chooseSurface', () => {
  const two = parse('one,1,1,5', 'two,1,1,6');

  it('needs a name only where there is a choice', () => {
    expect(chooseSurface(parse('only,1,1,5'), undefined).network).toBe('only');
    expect(chooseSurface(two, 'two').network).toBe('two');
  });

  it('lists the names otherwise', () => {
    expect(() => chooseSurface(two, undefined)).toThrow('--network must be one of one, two');
    expect(() => chooseSurface(two, 'three')).toThrow(
      '--network must be one of one, two; received "three"',
    );
  });
});

describe('writeSurfaces', () => {
  it('writes what parseSurfaces reads', () => {
    const surfaces = parse('a,1,1,5.25', 'a,2,1,6', 'b,1,1,7', 'b,1,2,8.0001');
    const again = parseSurfaces(writeSurfaces(surfaces.values()), 'again');
    expect([...again.keys()]).toEqual(['a', 'b']);
    expect(again.get('b')?.points).toEqual(surfaces.get('b')?.points);
  });
});

describe('power', () => {
  const withPower = 'network,batch_size,instances,latency_ms,power_watts\n';

  it('is read where every line of a network has it, and written again', () => {
    const text = `${withPower}a,1,1,10,50\na,4,1,20,80.5\nb,1,1,10,\nb,2,1,10,60\n`;
    const surfaces = parseSurfaces(text, 'x.csv');
    const a = surfaces.get('a');
    expect(a?.hasPower).toBe(true);
    expect(a?.powerWatts(4, 1)).toBe(80.5);
    expect(a?.powerWatts(2, 1)).toBeCloseTo(60.17, 1);
    expect(a?.powerWatts(1, 0)).toBe(50);
    expect(surfaces.get('b')?.hasPower).toBe(false);
    expect(surfaces.get('b')?.powerWatts(2, 1)).toBeNaN();
    expect(writeSurfaces(surfaces.values())).toBe(text);
  });

  it('must be a number over 0 or nothing', () => {
    expect(() => parseSurfaces(`${withPower}a,1,1,10,much\n`, 'x.csv')).toThrow(
      /x\.csv line 2, column power_watts must be a number over 0; received "much"/,
    );
    expect(() => parseSurfaces(`${withPower}a,1,1,10,-3\n`, 'x.csv')).toThrow(/power_watts/);
  });

  it('is there for the P40, from the table of its logs', () => {
    const text = readFileSync(new URL('../../data/p40-power-surface.csv', import.meta.url), 'utf8');
    const surfaces = parseSurfaces(text, 'p40-power-surface.csv');
    expect(surfaces.size).toBe(14);
    for (const surface of surfaces.values()) expect(surface.hasPower).toBe(true);
    expect(surfaces.get('resnet_v2_50/caltech256')?.powerWatts(49, 1)).toBe(184.41);
  });
});
