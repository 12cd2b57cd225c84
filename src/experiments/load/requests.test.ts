import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ModelMetadata, TensorMetadata } from '../../oip/data-plane.ts';
import { decodeInferRequest } from '../../oip/infer-request.ts';
import { imageRequests } from './image-requests.ts';
import type { MadeUpRequestOptions } from './made-up-requests.ts';
import { madeUpRequests, requestShapes } from './made-up-requests.ts';
import { parseTrace, readTrace } from './trace-file.ts';

function modelOf(...inputs: readonly TensorMetadata[]): ModelMetadata {
  return { name: 'm', versions: [], platform: '', inputs, outputs: [] };
}
const image: TensorMetadata = { name: 'x', datatype: 'FP32', shape: [-1, 3, 8, 8] };
const ids: TensorMetadata = { name: 'ids', datatype: 'INT64', shape: [-1, -1] };
const fixed: TensorMetadata = { name: 'f', datatype: 'FP32', shape: [4, 8] };

describe('the shapes of requests', () => {
  const shapesOf = (model: ModelMetadata, batchSize?: number, shapes = {}) =>
    requestShapes(model, { batchSize, shapes });

  it('put the batch size in front where all inputs leave that open', () => {
    expect(shapesOf(modelOf(image))).toEqual([[1, 3, 8, 8]]);
    expect(shapesOf(modelOf(image, ids), 8, { ids: [1, 16] })).toEqual([
      [8, 3, 8, 8],
      [8, 16],
    ]);
  });

  it('are the model own where it fixes them', () => {
    expect(shapesOf(modelOf(fixed))).toEqual([[4, 8]]);
  });

  it.each([
    [modelOf(ids), undefined, {}, /give the shape, for example --shape ids=1,128/],
    [modelOf(image), undefined, { y: [1] }, /must name an input of the model \(x\)/],
    [modelOf(image), undefined, { x: [1, 4, 8, 8] }, /must agree with x FP32 \[\?, 3, 8, 8\]/],
    [modelOf(image), 2, { x: [4, 3, 8, 8] }, /which --batch-size sets/],
    [modelOf(fixed), 2, {}, /--batch-size needs a model whose inputs all leave/],
    [modelOf(), undefined, {}, /lists no inputs/],
  ])('refuse what does not fit (%#)', (model, batchSize, shapes, message) => {
    expect(() => shapesOf(model, batchSize, shapes)).toThrow(message);
  });
});

describe('made-up requests', () => {
  const options: MadeUpRequestOptions = { shapes: {}, encoding: 'binary', seed: 1 };
  const all = [
    ...(['BOOL', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'INT32'] as const),
    ...(['INT64', 'FP32', 'FP64', 'BYTES'] as const),
  ];
  const every = modelOf(
    ...all.map((datatype) => ({ name: datatype, datatype, shape: [-1, 3] }) as const),
  );
  const halves = modelOf(
    { name: 'h', datatype: 'FP16', shape: [-1, 3] },
    { name: 'b', datatype: 'BF16', shape: [-1, 3] },
  );

  function decode({ body, headers }: { body: Uint8Array; headers: Record<string, string> }) {
    const length = headers['inference-header-content-length'];
    return decodeInferRequest(
      { modelName: 'm', modelVersion: '' },
      Buffer.from(body),
      length === undefined ? undefined : Number(length),
    );
  }

  it.each([
    ['binary', every],
    ['json', every],
    ['binary', halves],
  ] as const)('are valid requests of every type in %s', (encoding, model) => {
    const { source } = madeUpRequests(model, { ...options, encoding, batchSize: 2 });
    const { request, outputForm } = decode(source.take()!);
    expect(request.inputs.map(({ name, datatype, shape }) => ({ name, datatype, shape }))).toEqual(
      model.inputs.map(({ name, datatype }) => ({ name, datatype, shape: [2, 3] })),
    );
    expect(outputForm.binaryByDefault).toBe(encoding === 'binary');
  });

  it('differ from each other, and come again with the same seed', () => {
    const take = (seed: number) => {
      const { source } = madeUpRequests(modelOf(image), { ...options, seed });
      return [source.take()!.body, source.take()!.body].map((body) => Buffer.from(body));
    };
    const [first, second] = take(7);
    expect(first!.equals(second!)).toBe(false);
    expect(take(7)).toEqual([first, second]);
    expect(take(8)[0]!.equals(first!)).toBe(false);
  });

  it('are fewer when they are large', () => {
    const large = modelOf({ name: 'x', datatype: 'FP32', shape: [-1, 2 ** 18] });
    const { source } = madeUpRequests(large, { ...options, batchSize: 10 });
    expect(source.stats.decoded).toBe(3);
    expect(madeUpRequests(modelOf(image), options).source.stats.decoded).toBe(32);
  });

  it('cannot be of half precision in JSON', () => {
    expect(() => madeUpRequests(halves, { ...options, encoding: 'json' })).toThrow(
      /must be (asked for|sent) as binary data/,
    );
  });
});

describe('requests from images and times from traces', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'dnnscaler-load-'));
    await writeFile(join(folder, 'a.jpg'), Buffer.from('ffd8ffe000', 'hex'));
    await writeFile(join(folder, 'b.png'), Buffer.from('89504e470d0a1a0a', 'hex'));
    await writeFile(join(folder, 'c.webp'), 'RIFF');
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
  });

  it('send JPEG and PNG files as they are', async () => {
    const { source, notes } = await imageRequests(folder, 1);
    const taken = [source.take()!, source.take()!];
    expect(new Set(taken.map(({ headers }) => headers['content-type']))).toEqual(
      new Set(['image/jpeg', 'image/png']),
    );
    expect(notes).toEqual(['1 images are neither JPEG nor PNG and were left out']);
  });

  it('read times in ms, one to a line or from a column', () => {
    expect(parseTrace('0\n1.5\n\n1.5\n20\n', 't')).toEqual([0, 1.5, 1.5, 20]);
    expect(parseTrace('id,time_s\na,0.5\nb,2\n', 't')).toEqual([500, 2000]);
    expect(parseTrace('time_ms\n7\n', 't')).toEqual([7]);
  });

  it.each([
    ['', /must hold at least one arrival/],
    ['1\ntwo\n', /t line 2 must be a time of at least 0/],
    ['5\n4\n', /t line 2 .* not before the line above; received "4"/],
    ['-1\n', /t line 1/],
    ['1\n\n,2\n', /t line 3/],
  ])('refuse the trace %j', (text, message) => {
    expect(() => parseTrace(text, 't')).toThrow(message);
  });

  it('say that a trace is not there', async () => {
    await expect(readTrace(join(folder, 'none.csv'))).rejects.toMatchObject({ code: 'not-found' });
  });
});
