import { describe, expect, it } from 'vitest';
import { resolveOptions } from './options.ts';
import type { OnnxEngineOptions } from './options.ts';
import { requireProvider } from './providers.ts';
import { loadError, loadErrorCode, runErrorCode, runtimeMessage } from './runtime-errors.ts';
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
    [{ provider: 'webgpu', isolation: 'thread' }, 'isolation must be process with webgpu'],
    [{ device: 0 }, 'the device can be chosen with the providers cuda, tensorrt and dml only'],
    [{ provider: 'cuda', device: -1 }, 'the device must be an integer of at least 0; received -1'],
    [{ memoryPerInstance: { fraction: 0.1 } }, 'memory per instance can be limited with'],
    [{ provider: 'cuda', memoryPerInstance: { fraction: 0 } }, 'must be a share above 0'],
    [{ provider: 'cuda', memoryPerInstance: { fraction: 1.5 } }, 'must be a share above 0'],
    [{ provider: 'cuda', memoryPerInstance: { bytes: 0.5 } }, 'must be an integer of at least 1'],
    [{ threadsPerInstance: 0 }, 'threadsPerInstance must be an integer of at least 1; received 0'],
    [{ maxInstances: 1.5 }, 'maxInstances must be an integer'],
    [{ maxInstances: 257 }, 'maxInstances must be at most 256; received 257'],
    [{ maxBatchSize: 10_000 }, 'maxBatchSize must be at most 8192; received 10000'],
    [{ maxBatchSize: Number.NaN }, 'maxBatchSize must be an integer'],
    [{ runLimitMs: -1 }, 'runLimitMs must be a positive number of milliseconds'],
    [{ closeLimitMs: Number.POSITIVE_INFINITY }, 'closeLimitMs must be a positive number'],
  ])('refuse %j', (options, message) => {
    expect(() => resolve(options as Partial<OnnxEngineOptions>)).toThrow(message);
  });
});

describe('requireProvider', () => {
  const offered = ['cpu', 'cuda'];

  it('tells what this build lacks', () => {
    expect(() => requireProvider('cpu', offered)).not.toThrow();
    expect(() => requireProvider('cuda', offered)).not.toThrow();
    expect(() => requireProvider('dml', offered, 'linux x64')).toThrow(
      'provider dml is not in this build of onnxruntime-node for linux x64, which has cpu, cuda',
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

  it('lose what CUDA adds about its sources and machine', () => {
    const call =
      '/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc:154 std::conditional_t<THRW, void, ' +
      'onnxruntime::common::Status> onnxruntime::CudaCall(ERRTYPE, const char*, int) [with ERRTYPE = ' +
      'cudaError; bool THRW = true; std::conditional_t<THRW, void, common::Status> = void] ';
    const failure = 'CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version';
    const place =
      ' ; GPU=-1 ; hostname=vm ; file=/onnxruntime_src/a.cc ; line=352 ; expr=f(x); \n\n';
    expect(runtimeMessage(new Error(call + call + failure + place))).toBe(failure);
    expect(loadErrorCode(failure)).toBe('unavailable');
  });

  it('say what WebGPU misses', () => {
    const message = 'Failed to get a WebGPU adapter: No supported adapters';
    const error = loadError('m.onnx', 'webgpu', loadErrorCode(message), message);
    expect(error).toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('finds no GPU driver that it can use') as unknown,
    });
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
