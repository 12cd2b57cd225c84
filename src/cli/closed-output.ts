/**
 * Ends the process when whoever read its output is gone, as in `dnnscaler run ... | head`: the way
 * a request to terminate does, so that what runs is put in order first.
 */
export function endWithReader(): void {
  let isEnding = false;
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') throw error;
      if (isEnding) return;
      isEnding = true;
      process.kill(process.pid, 'SIGTERM');
    });
  }
}
