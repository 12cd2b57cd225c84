import { DnnScalerError } from '../errors.ts';
import { letHeapGrow } from '../engines/heap-growth.ts';
import { Interrupts, noteHungThread } from './interrupt.ts';
import type { OpenedModel } from './open-model.ts';
import { openModel } from './open-model.ts';
import type { ModelCliOptions } from './options.ts';
import type { PowerCliOptions } from './power-options.ts';
import { requirePower, startPower } from './power-options.ts';
import type { Power } from '../telemetry/power/open-power.ts';

/** Meters power, opens a model, lets `use` work with both, and closes both whatever happens. */
export async function withMeteredModel<T>(
  model: string,
  options: ModelCliOptions & PowerCliOptions,
  quiet: boolean,
  use: (opened: OpenedModel, interrupts: Interrupts, power: Power) => Promise<T>,
): Promise<T> {
  const power = await startPower(options);
  try {
    await requirePower(options.objective, power);
    return await withModel(model, options, quiet, (opened, interrupts) =>
      use(opened, interrupts, power),
    );
  } finally {
    await power.close();
  }
}

/**
 * Opens a model, lets `use` work with it, and closes it whatever happens. A signal that comes while
 * the model is being opened ends the command as soon as it is open.
 */
export async function withModel<T>(
  model: string,
  options: ModelCliOptions,
  quiet: boolean,
  use: (opened: OpenedModel, interrupts: Interrupts) => Promise<T>,
): Promise<T> {
  letHeapGrow();
  const interrupts = new Interrupts();
  try {
    const opened = await openModel(model, options, quiet ? null : process.stderr);
    try {
      if (interrupts.pending)
        throw new DnnScalerError('cancelled', 'interrupted before the run began');
      return await use(opened, interrupts);
    } finally {
      await opened.close();
      if (opened.onnx.instances.some(({ state }) => state === 'hung')) noteHungThread();
    }
  } finally {
    interrupts.dispose();
  }
}
