/**
 * Ctrl-C and termination requests, for commands that clean up after themselves. The first signal
 * calls the handler. A second one ends the process at once and by force: leaving in the ordinary
 * way while an instance runs native code would abort with a core dump.
 */
export class Interrupts {
  #handler: (() => void) | undefined;
  #count = 0;

  constructor() {
    process.on('SIGINT', this.#onSignal);
    process.on('SIGTERM', this.#onSignal);
  }

  /** True once a signal has come. */
  get pending(): boolean {
    return this.#count > 0;
  }

  /** Sets what the first signal does; called at once if it has come already. */
  handle(handler: () => void): void {
    this.#handler = handler;
    if (this.pending) handler();
  }

  dispose(): void {
    process.off('SIGINT', this.#onSignal);
    process.off('SIGTERM', this.#onSignal);
  }

  readonly #onSignal = (): void => {
    this.#count += 1;
    if (this.#count > 1) killSelf();
    this.#handler?.();
  };
}

let holdsHungThread = false;

/** Notes that a thread of this process hangs in native code: no ordinary exit would ever return. */
export function noteHungThread(): void {
  holdsHungThread = true;
}

/** Ends the process by force, once its output is out, where it could not end by itself. */
export function leaveIfHung(): void {
  if (!holdsHungThread) return;
  process.stderr.write('an instance hangs: ending by force\n', () => {
    process.stdout.write('', killSelf);
  });
}

function killSelf(): void {
  process.kill(process.pid, 'SIGKILL');
  // The first process of a container cannot kill itself by a signal, but still crash.
  process.abort();
}
