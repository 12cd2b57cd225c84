/** Starts the servers of `echo-worker.mjs`. */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A server that answers with what it was sent. */
export interface EchoServer {
  readonly port: number;
  /** CPU time it has used so far. */
  cpuUs(): Promise<number>;
  stop(): void;
}

/** @param kind such as `bare http`; see `echo-worker.mjs` */
export async function startEcho(kind: string): Promise<EchoServer> {
  const file = fileURLToPath(new URL('echo-worker.mjs', import.meta.url));
  const child = fork(file, [kind], { execArgv: [] });
  const gone = new Promise<never>((_resolve, reject) => {
    child.once('exit', (code) => {
      reject(new Error(`${kind} ended with ${code}`));
    });
  });
  // It ends when it is told to, too, and then nobody waits for it any more.
  gone.catch(() => undefined);
  const next = <T>(): Promise<T> => {
    const message = new Promise<T>((resolve) => {
      child.once('message', resolve as (message: unknown) => void);
    });
    return Promise.race([message, gone]);
  };
  const { port } = await next<{ port: number }>();
  return {
    port,
    async cpuUs() {
      const answer = next<{ cpuUs: number }>();
      child.send('cpu');
      return (await answer).cpuUs;
    },
    stop: () => child.disconnect(),
  };
}
