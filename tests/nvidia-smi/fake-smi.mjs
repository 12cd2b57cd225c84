#!/usr/bin/env node
/**
 * Stands in for nvidia-smi in streaming mode. FAKE_SMI says how it behaves, in words separated by
 * blanks; FAKE_SMI_LOG names a file that gets a line for each start, with its process id.
 */
import { appendFileSync, readFileSync } from 'node:fs';
import { setInterval } from 'node:timers';

const behaviour = new Set((process.env.FAKE_SMI ?? '').split(' '));
const log = process.env.FAKE_SMI_LOG;
const starts = log === undefined ? 0 : startsIn(log);
if (log !== undefined) appendFileSync(log, `${process.pid} ${process.argv.slice(2).join(' ')}\n`);

const query = process.argv.find((argument) => argument.startsWith('--query-gpu=')) ?? '';
const fields = query.slice('--query-gpu='.length).split(',');
const everyMs = Number(process.argv[process.argv.indexOf('-lms') + 1]);

if (behaviour.has('no-driver') || (behaviour.has('dies') && starts > 0)) {
  console.log(
    "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA driver is installed and running.",
  );
  process.exit(9);
}
if (behaviour.has('old') && fields.includes('power.draw.instant')) {
  console.log('Field "power.draw.instant" is not a valid field to query.');
  process.exit(2);
}
if (behaviour.has('stubborn')) process.on('SIGTERM', () => undefined);

const gpus = [
  [
    '0',
    'GPU-aaaaaaaa-1111',
    '550.54.15',
    'NVIDIA H100 80GB HBM3',
    '87',
    '40960',
    '81559',
    '410.25',
  ],
  ['1', 'GPU-bbbbbbbb-2222', '550.54.15', 'Tesla P40, rev. A', '[N/A]', '10', '22919', '[N/A]'],
];
// As a program in C does, which a pipe that nobody reads ends by a signal.
process.stdout.on('error', () => process.exit(141));
let lines = 0;
const tick = () => {
  for (const [index, uuid, driver, name, utilization, used, total, power] of gpus) {
    const values = {
      index,
      uuid,
      driver_version: driver,
      'mig.mode.current': behaviour.has('mig') ? 'Enabled' : '[N/A]',
      'utilization.gpu': behaviour.has('mig') ? '[N/A]' : utilization,
      'memory.used': used,
      'memory.total': total,
      'clocks.sm': '1755',
      'clocks.mem': '2619',
      'temperature.gpu': '61',
      'power.draw.instant': behaviour.has('mute') ? '[Not Supported]' : power,
      'power.draw': behaviour.has('mute') ? '[Not Supported]' : power,
      name,
    };
    console.log(fields.map((field) => values[field]).join(', '));
  }
  lines += 1;
  if (behaviour.has('dies') && lines >= 3) {
    console.error('Unable to determine the device handle for GPU 0000:3B:00.0: GPU is lost.');
    process.exit(15);
  }
};
tick();
setInterval(tick, everyMs);

function startsIn(file) {
  try {
    return readFileSync(file, 'utf8').trim().split('\n').length;
  } catch {
    return 0;
  }
}
