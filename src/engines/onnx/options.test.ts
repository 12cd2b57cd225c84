import { describe, expect, it } from 'vitest';
import { resolveOptions } from './options.ts';
import type { OnnxEngineOptions } from './options.ts';
import { requireProvider } from './providers.ts';
import { loadErrorCode, runErrorCode, runtimeMessage } from './runtime-errors.ts';
import { startObstacle } from './start-obstacle.ts';

const resolve = (options: Partial<OnnxEngineOptions>): ReturnType<typeof resolveOptions> =>
  resolveOptions({ modelPath: 'm.onnx', cores: 4, ...options });

describe('options', () => {
  it('suit the CPU by default: threads, as many as cores', () => {
    expect(resolve({})).toMatchObject({
      provider: 'cpu',
      isolation: 'thread',
      threadsPerInstance: 'auto',
      maxInstances: 4,
      maxBatchSize: 128,
    });
    expect(resolve({ cores: 64 }).maxInstances).toBe(10);
    expect(resolve({ maxInstances: 16 }).maxInstances).toBe(16);
  });

  it('suit other providers: processes, as many as the paper has', () => {
    expect(resolve({ provider: 'cuda' })).toMatchObject({ isolation: 'process', maxInstances: 10 });
    expect(resolve({ provider: 'cuda', isolation: 'thread' }).isolation).toBe('thread');
  });

  it.each([
    [{ provider: 'gpu' }, 'provider must be one of cpu, cuda'],
    [{ isolation: 'fiber' }, 'isolation must be one of thread, process; received "fiber"'],
    [{ threadsPerInstance: 0 }, 'threadsPerInstance must be an integer of at least 1; received 0'],
    [{ maxInstances: 1.5 }, 'maxInstances must be an integer'],
    [{ maxBatchSize: Number.NaN }, 'maxBatchSize must be an integer'],
    [{ runLimitMs: -1 }, 'runLimitMs must be a positive number of milliseconds'],
    [{ closeLimitMs: Number.POSITIVE_INFINITY }, 'closeLimitMs must be a positive number'],
  ])('refuse %j', (options, message) => {
    expect(() => resolve(options as Partial<OnnxEngineOptions>)).toThrow(message);
  });
});

describe('requireProvider', () => {
  const offered = [
    { name: 'cpu', installed: true },
    { name: 'cuda', installed: false },
  ];

  it('tells what this build lacks from what is not installed', () => {
    expect(() => requireProvider('cpu', offered)).not.toThrow();
    expect(() => requireProvider('dml', offered, 'linux x64')).toThrow(
      'provider dml is not in this build of onnxruntime-node for linux x64, which has cpu, cuda',
    );
    expect(() => requireProvider('cuda', offered)).toThrow(
      expect.objectContaining({ code: 'unavailable' }),
    );
  });
});

describe('startObstacle', () => {
  const roomy = { modelBytes: 100, availableBytes: 1000, cores: 2, loading: 0, hung: 0 };

  it('is memory that another instance would not find', () => {
    expect(startObstacle(roomy)).toBeUndefined();
    expect(startObstacle({ ...roomy, availableBytes: 199 })?.code).toBe('resource-exhausted');
    expect(startObstacle({ ...roomy, loading: 4 })).toBeUndefined();
    expect(startObstacle({ ...roomy, loading: 5 })?.message).toBe(
      'another instance takes about 200 B of memory, and 0.00 B is left',
    );
  });

  it('is every core taken by threads that hang', () => {
    expect(startObstacle({ ...roomy, hung: 1 })).toBeUndefined();
    expect(startObstacle({ ...roomy, hung: 2 })?.message).toContain('hung thread instances');
  });
});

describe('messages of the runtime', () => {
  it('lose the places in its sources and their lines', () => {
    const thrown = new Error(
      "Non-zero status code returned while running Gather node. Name:'' Status Message: " +
        '/onnxruntime_src/onnxruntime/core/providers/cpu/tensor/gather.cc:91 void ' +
        'onnxruntime::Check(const Prepare&, int) const idx=77 must be within the inclusive range\n [-3,2]\n',
    );
    expect(runtimeMessage(thrown)).toBe(
      "Non-zero status code returned while running Gather node. Name:'' Status Message: " +
        'idx=77 must be within the inclusive range [-3,2]',
    );
    expect(runtimeMessage('plain')).toBe('plain');
  });

  it.each([
    ['Protobuf parsing failed.', 'invalid-argument'],
    ['Fatal error: com.x:Frobnicate(-1) is not a registered function/op', 'unsupported'],
    ['NOT_IMPLEMENTED : Could not find an implementation for Foo(1)', 'unsupported'],
    ['Unsupported data type: 16', 'unsupported'],
    ['Failed to allocate memory for requested buffer of size 8', 'resource-exhausted'],
    ['OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library', 'unavailable'],
    ['something else', 'internal'],
  ])('become codes when loading: %s', (message, code) => {
    expect(loadErrorCode(message)).toBe(code);
  });

  it.each([
    ['Got invalid dimensions for input: x', 'invalid-argument'],
    ['Unexpected input data type. Actual: (tensor(int32))', 'invalid-argument'],
    ['indices element out of data bounds, idx=77', 'invalid-argument'],
    ['Failed to allocate memory for requested buffer', 'resource-exhausted'],
    ['Non-zero status code returned', 'internal'],
  ])('become codes when running: %s', (message, code) => {
    expect(runErrorCode(message)).toBe(code);
  });
});
