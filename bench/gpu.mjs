#!/usr/bin/env node
/**
 * `npm run bench:gpu`, or `node bench/gpu.mjs` where only Node.js and the built project are: the
 * networks of the paper on one device, within eight minutes in all. Plain JavaScript over `dist/`,
 * so that it needs nothing else.
 */
/* global AbortController */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

const root = path.join(import.meta.dirname, '..');
const dist = path.join(root, 'dist');
const help = `node bench/gpu.mjs [options]

  --provider NAME    cuda (default), tensorrt, webgpu or cpu
  --device N         which device; default 0
  --budget SECONDS   of everything; default 450, so that eight minutes are never exceeded
  --networks LIST    separated by commas; default the five of the benchmark
  --max-instances N  default 10; the cores on cpu
  --power-meter KIND auto (default), gpu, cpu or off
  --python COMMAND   with PyTorch, for the yardstick; default $PYTHON or python3; "none" for none
  --out FOLDER       default bench/results`;

if (!existsSync(path.join(dist, 'cli/main.js'))) {
  fail('dist/ is missing: run "npm run build" first, or carry a packed archive over', 2);
}
const { letHeapGrow } = await import('../dist/engines/heap-growth.js');
letHeapGrow();
const { benchTable } = await import('../dist/cli/bench-table.js');
const { systemClock } = await import('../dist/clock.js');
const { packageVersion } = await import('../dist/cli/package-version.js');
const { providers } = await import('../dist/engines/onnx/providers.js');
const bench = await import('../dist/experiments/device-bench/index.js');
const { meterKinds, openPower } = await import('../dist/telemetry/power/open-power.js');

const options = readOptions();
const startMs = systemClock.nowMs();
const abort = new AbortController();
let signals = 0;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    signals += 1;
    // Leaving in the ordinary way inside native code would abort with a core dump.
    if (signals > 1) process.kill(process.pid, 'SIGKILL');
    process.stderr.write('\nstopping: what was measured is written\n');
    abort.abort();
  });
}
const onGpu = options.provider !== 'cpu';
const power = await openPower({
  clock: systemClock,
  kind: options.meter,
  onGpu,
  device: options.device,
});
let reports = [];
// Nothing that hangs may take longer than was promised: what is there has been written already.
const guard = systemClock.setTimer(options.budgetMs * 1.05 + 5000, () => {
  const results = resultsOf(false);
  // The yardstick is a process of its own, which would stay.
  abort.abort();
  process.stderr.write('\nout of time: ending by force; what was measured is written\n');
  process.stdout.write(`${benchTable(results)}\n`, () => {
    void write(false).finally(() => process.kill(process.pid, 'SIGKILL'));
  });
});
try {
  await bench.runDeviceBench({
    networks: options.networks,
    engine: {
      provider: options.provider,
      // WebGPU chooses for itself.
      ...(['cuda', 'tensorrt'].includes(options.provider) && { device: options.device }),
      ...(options.maxInstances && { maxInstances: options.maxInstances }),
    },
    clock: systemClock,
    budgetMs: options.budgetMs,
    power,
    yardstick:
      options.python === 'none'
        ? null
        : { python: options.python, script: path.join(root, 'bench/gpu/torch_yardstick.py') },
    signal: abort.signal,
    onStep: (network, what) => {
      const seconds = ((systemClock.nowMs() - startMs) / 1000).toFixed(0).padStart(4);
      process.stderr.write(`${seconds} s  ${network}: ${what}\n`);
    },
    onReport: async (all) => {
      reports = all;
      await write(false);
    },
  });
  const results = resultsOf(!abort.signal.aborted);
  const folder = await write(results.complete);
  process.stdout.write(`${benchTable(results)}\n\nwritten to ${path.relative('.', folder)}\n`);
  if (reports.every(({ points }) => points.length === 0)) process.exitCode = 1;
} catch (error) {
  const hint = onGpu ? '; "--provider cpu" runs the benchmark on the CPU' : '';
  process.stderr.write(`error: ${error.message}${hint}\n`);
  process.exitCode = 1;
} finally {
  systemClock.clearTimer(guard);
  await power.close();
}

function resultsOf(complete) {
  const sample =
    power.gpus !== null && power.gpu !== undefined ? power.gpus.find(power.gpu) : undefined;
  return {
    machine: bench.describeMachine(sample, {
      onnxruntime: versionOf('onnxruntime-node'),
      package: packageVersion(),
    }),
    provider: options.provider,
    date: new Date(systemClock.timeOfDayMs()).toISOString().slice(0, 10),
    budgetS: options.budgetMs / 1000,
    tookS: (systemClock.nowMs() - startMs) / 1000,
    complete,
    powerMeter: power.meter.trouble === null ? power.meter.name : `none (${power.meter.trouble})`,
    networks: reports,
  };
}

function write(complete) {
  const results = resultsOf(complete);
  return bench.writeResults(options.out, results, benchTable(results));
}

function versionOf(name) {
  try {
    return JSON.parse(readFileSync(path.join(root, 'node_modules', name, 'package.json'), 'utf8'))
      .version;
  } catch {
    return 'unknown';
  }
}

function readOptions() {
  let values;
  try {
    ({ values } = parseArgs({
      options: {
        provider: { type: 'string', default: 'cuda' },
        device: { type: 'string', default: '0' },
        budget: { type: 'string', default: '450' },
        networks: { type: 'string', default: bench.benchNetworks.join(',') },
        'max-instances': { type: 'string' },
        'power-meter': { type: 'string', default: 'auto' },
        python: { type: 'string', default: process.env.PYTHON ?? 'python3' },
        out: { type: 'string', default: path.join(root, 'bench/results') },
        help: { type: 'boolean' },
      },
    }));
  } catch (error) {
    fail(`${error.message}\n\n${help}`, 2);
  }
  if (values.help) {
    process.stdout.write(`${help}\n`);
    process.exit(0);
  }
  const oneOf = (name, allowed) => {
    if (!allowed.includes(values[name])) {
      fail(`--${name} must be one of ${allowed.join(', ')}; received ${values[name]}`, 2);
    }
    return values[name];
  };
  const count = (name, least) => {
    if (values[name] === undefined) return undefined;
    if (!/^\d+$/.test(values[name]) || Number(values[name]) < least) {
      fail(`--${name} must be an integer of at least ${least}; received ${values[name]}`, 2);
    }
    return Number(values[name]);
  };
  return {
    provider: oneOf('provider', providers),
    device: count('device', 0),
    budgetMs: count('budget', 5) * 1000,
    networks: values.networks.split(',').filter((name) => name !== ''),
    maxInstances: count('max-instances', 1),
    meter: oneOf('power-meter', meterKinds),
    python: values.python,
    out: values.out,
  };
}

function fail(message, code) {
  process.stderr.write(`error: ${message}\n`);
  process.exit(code);
}
