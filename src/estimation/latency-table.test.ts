import { describe, expect, it } from 'vitest';
import { parseLatencyTable } from './latency-table.ts';

const parse = (text: string): ReturnType<typeof parseLatencyTable> =>
  parseLatencyTable(text, 't.csv');

describe('parseLatencyTable', () => {
  it('reads names from the first columns and counts of instances from the header', () => {
    const { instances, rows } = parse('dataset,dnn,ms_at_1,ms_at_2\nImagenet,Inc-V1,10,12.5\n');
    expect(instances).toEqual([1, 2]);
    expect(rows).toEqual([
      {
        name: 'Imagenet/Inc-V1',
        labels: ['Imagenet', 'Inc-V1'],
        cells: new Map([
          [1, 10],
          [2, 12.5],
        ]),
      },
    ]);
  });

  it.each([
    ['plain counts', 'name,1,2,4,8\nx,1,2,3,4', [1, 2, 4, 8]],
    ['any one-number pattern', 'name,L1 (ms),L2 (ms)\nx,1,2', [1, 2]],
    ['a single column', 'name,ms_at_8\nx,1', [8]],
    ['a numbered name column', 'v2,net,n=1,n=2,n=3\n5,x,1,2,3', [1, 2, 3]],
    ['numbers under other headings', 'name,one,two,three\nx,1,2,3', [1, 2, 3]],
    ['a name column of numbers that is told apart by the header', 'batch,1,2\n16,3,4', [1, 2]],
  ])('finds the latency columns by %s', (_, text, instances) => {
    expect(parse(text).instances).toEqual(instances);
  });

  it('takes an empty cell for one that was not measured', () => {
    const { rows } = parse('name,1,2,3\nx,1,,3\n');
    expect([...(rows[0]?.cells.keys() ?? [])]).toEqual([1, 3]);
  });

  it('names a row without labels by its line', () => {
    expect(parse('1,2\n3,4\n5,6').rows.map(({ name }) => name)).toEqual(['line 2', 'line 3']);
  });

  it.each([
    ['', /t\.csv must have a header and at least one row/],
    ['name,1,2\n', /must have a header and at least one row/],
    ['name,1,2\nx,1\n', /line 2 of t\.csv must have 3 fields, as the header has; received 2/],
    ['name,1,2\nx,1,2\ny,1,fast', /line 3, column 3 \(2\) of t\.csv must be a latency.*"fast"/],
    ['name,1,2\nx,0,2', /line 2, column 2 \(1\) of t\.csv must be a latency over 0 ms.*"0"/],
    ['name,1,2\nx,1,-2', /must be a latency over 0 ms.*"-2"/],
    ['name,1,2\nx,1,1e999', /must be a latency over 0 ms/],
    ['name,1,2\nx,1,0x10', /must be a latency over 0 ms/],
    ['name,1,2\nx,,', /line 2 of t\.csv has no latency at all/],
    ['name,kind\nx,y', /header of t\.csv must end in latency columns/],
    ['x,9.7,10.6\ny,9.8,10.7', /line 1 of t\.csv must be a header/],
    ['network,batch_size,instances,latency_ms\nx,1,1,4', /this is a surface/],
  ])('rejects %j', (text, message) => {
    expect(() => parse(text)).toThrow(message);
  });
});
