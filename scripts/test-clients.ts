/**
 * Drives the built server with clients that others wrote: NVIDIA's tritonclient and perf_analyzer,
 * installed from PyPI into a virtual environment of their own.
 *
 * Without Python nothing is tested, which is said, and no failure. Where perf_analyzer does not
 * start, what it answered is printed.
 */
import path from 'node:path';
import { CheckList, expect } from './check-list.ts';
import { findPython, preparePython } from './client-environment.ts';
import { run } from './npm.ts';
import { preparePerfAnalyzer } from './perf-analyzer.ts';
import type { PerfAnalyzer } from './perf-analyzer.ts';
import { startServer } from './served-process.ts';
import type { ServedProcess } from './served-process.ts';

const root = path.join(import.meta.dirname, '..');
const tests = path.join(root, 'tests/clients');
const model = 'mobilenet_v1_025';

const python = findPython();
if (python === undefined) {
  console.log('no python3 with venv here (or in PYTHON): nothing was tested with other clients');
} else {
  const cache = path.join(root, 'node_modules/.cache/dnnscaler-clients');
  const requirements = path.join(tests, 'requirements.txt');
  const clientPython = preparePython(
    'the clients',
    path.join(cache, 'python'),
    requirements,
    python,
  );
  const perfAnalyzer = await preparePerfAnalyzer(path.join(cache, 'perf-analyzer'), clientPython);
  const checks = new CheckList('clients');
  // On a machine with other work to do, answers may take long: that is not at stake here.
  const server = await startServer(root, [`zoo:${model}`, '--slo', '5s', '--calibrate', '0s']);
  try {
    testWithPython(checks, clientPython, server);
    testWithPerfAnalyzer(checks, perfAnalyzer, server);
  } catch (error) {
    console.log(server.log());
    throw error;
  } finally {
    const code = await server.stop();
    checks.check('the server ends with 0 when it is told to stop', () =>
      expect(code === 0, `exit code ${code}\n${server.log()}`),
    );
  }
  process.exitCode = checks.close();
}

function testWithPython(checks: CheckList, python: string, server: ServedProcess): void {
  const env = {
    ...process.env,
    DNNSCALER_TEST_HTTP: server.httpTarget,
    DNNSCALER_TEST_GRPC: server.grpcTarget,
    DNNSCALER_TEST_MODEL: model,
    PYTHONDONTWRITEBYTECODE: '1',
  };
  for (const file of ['http_test.py', 'grpc_test.py']) {
    checks.check(`tritonclient: ${file}`, () => {
      const ran = run(python, [file], { cwd: tests, env, timeoutMs: 900_000 });
      expect(ran.status === 0, ran.output);
      console.log(ran.output.replace(/^/gm, '      '));
    });
  }
}

function testWithPerfAnalyzer(
  checks: CheckList,
  perfAnalyzer: PerfAnalyzer,
  server: ServedProcess,
): void {
  if ('reason' in perfAnalyzer) {
    checks.skip('perf_analyzer', perfAnalyzer.reason);
    return;
  }
  const { command, args: before } = perfAnalyzer;
  const http = ['-i', 'http', '-u', server.httpTarget];
  const grpc = ['-i', 'grpc', '-u', server.grpcTarget];
  const modes: Readonly<Record<string, readonly string[]>> = {
    'HTTP, sync, concurrency 2': [...http, '--sync', '--concurrency-range', '2'],
    'HTTP, async, concurrency 4': [...http, '--async', '--concurrency-range', '4'],
    'HTTP, JSON, concurrency 2': [
      ...[...http, '--input-tensor-format', 'json', '--output-tensor-format', 'json'],
      ...['--concurrency-range', '2'],
    ],
    'HTTP, request rate 10/s': [...http, '--request-rate-range', '10'],
    'gRPC, sync, concurrency 2': [...grpc, '--sync', '--concurrency-range', '2'],
    'gRPC, async, concurrency 4, batches of 2': [
      ...[...grpc, '--async', '--concurrency-range', '4', '-b', '2'],
    ],
    'gRPC, stream, concurrency 4': [...grpc, '--streaming', '--concurrency-range', '4'],
    'gRPC, Poisson arrivals at 10/s': [
      ...[...grpc, '--request-rate-range', '10', '--request-distribution', 'poisson'],
    ],
  };
  // How steady the figures are is not at stake: three windows of a few requests are enough, unless
  // other work on the machine keeps one of them waiting.
  const window = ['--measurement-mode', 'count_windows', '--measurement-request-count', '20'];
  const oneWindow = [...window, '--stability-percentage', '999', '--max-trials', '10'];
  for (const [name, args] of Object.entries(modes)) {
    checks.check(`perf_analyzer: ${name}`, () => {
      const ran = run(command, [...before, '-m', model, ...args, ...oneWindow], { cwd: root });
      expect(ran.status === 0, ran.output);
      const throughput = /Throughput: ([\d.]+) infer\/sec/.exec(ran.output)?.[1];
      expect(Number(throughput) > 0, ran.output);
      expect(!/failed/i.test(ran.output), ran.output);
      console.log(`      ${throughput} inferences/s`);
    });
  }
}
