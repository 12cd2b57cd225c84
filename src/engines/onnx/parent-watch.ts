/**
 * A thread of every process instance that ends the process when the engine's process is gone,
 * even while the main thread is stuck inside a run. Standard input is a pipe whose other end only
 * the engine's process holds, so that it closes however that process ends.
 */
import { Socket } from 'node:net';

const leash = new Socket({ fd: 0, readable: true, writable: false });
leash.on('error', () => undefined);
leash.on('close', () => process.kill(process.pid, 'SIGKILL'));
leash.resume();
