import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { estimateCommand } from './estimate.ts';

const p40 = fileURLToPath(new URL('../../data/p40-latency-by-instances.csv', import.meta.url));

let dir: string;
let holed: string;

beforeEach(async () => {
  dir = await mkdtemp(path.join(tmpdir(), 'dnnscaler-estimate-'));
  holed = path.join(dir, 'holed.csv');
  await writeFile(holed, 'name,1,2,3,4\na,10,11,15,20\nb,20,,31,40\nc,5,6,8,10\n');
});
afterEach(async () => {
  vi.restoreAllMocks();
  await rm(dir, { recursive: true });
});

/** What the command prints on standard output. */
async function run(...args: string[]): Promise<string> {
  let output = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += String(text);
    return true;
  });
  const command = estimateCommand().exitOverride();
  command.configureOutput({ writeErr: () => undefined });
  await command.parseAsync(args, { from: 'user' });
  return output;
}

describe('dnnscaler estimate', () => {
  it.each([
    ['nuclear', 12.4],
    ['default', 4.6],
  ])('prints the errors of %s as JSON', async (method, expected) => {
    const json = await run(
      p40,
      '--observe',
      '1,8',
      '--leave-one-out',
      '--method',
      method,
      '--json',
    );
    const report = JSON.parse(json) as {
      meanErrorPercent: number;
      rows: { name: string; errorPercent: number }[];
    };
    expect(report.meanErrorPercent).toBeCloseTo(expected, 1);
    expect(report.rows).toHaveLength(18);
    expect(report.rows[0]).toMatchObject({
      name: 'Caltech/Inc-V1',
      errorPercent: expect.any(Number) as unknown,
    });
  });

  it('prints them as a table, with the mean and what was done to the rows', async () => {
    const text = await run(p40, '--leave-one-out', '--method', 'nuclear');
    expect(text).toMatch(/^Imagenet\/Inc-V2 +15\.1%$/m);
    expect(text).toMatch(/^mean error 12\.4% \(method nuclear, observed at 1 and 8 of 10/m);
    expect(text).toMatch(/^note: .*LEDOV\/DeePVS \(\/ 100\)$/m);
  });

  it('fills in what a table lacks, and marks it', async () => {
    const text = await run(holed);
    expect(text).toMatch(/^b +20\.00 +~2\d\.\d\d +31\.00 +40\.00$/m);
    expect(text).toContain('~ is estimated (method default)');
    const filled = JSON.parse(await run(holed, '--json', '--built-in')) as {
      rows: { estimated: number[] }[];
    };
    expect(filled.rows.map(({ estimated }) => estimated)).toEqual([[], [2], []]);
  });

  it('observes the ends of a table that has no column 8', async () => {
    expect(await run(holed, '--leave-one-out')).toContain('observed at 1 and 4 of 4');
  });

  it.each([
    [['missing.csv'], /cannot read the table missing\.csv/],
    [[p40, '--leave-one-out', '--observe', '1,11'], /columns \(1, 2.*\); received 11/],
    [[p40, '--observe', '1,8'], /--observe goes with --leave-one-out/],
    [[p40, '--leave-one-out', '--built-in'], /--built-in does not go with --leave-one-out/],
    [[p40, '--leave-one-out', '--observe', '1;8'], /must be counts of instances/],
    [[p40, '--leave-one-out', '--method', 'magic'], /Allowed choices are default, nuclear/],
    [[p40], /no cell of the table is missing/],
  ])('rejects %j', async (args, message) => {
    await expect(run(...args)).rejects.toThrow(message);
  });
});
