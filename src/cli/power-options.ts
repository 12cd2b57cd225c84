import type { Command } from 'commander';
import { Option } from 'commander';
import { systemClock } from '../clock.ts';
import { DnnScalerError } from '../errors.ts';
import type { Objective } from '../scaling/objective.ts';
import { objectives } from '../scaling/objective.ts';
import type { MeterKind, Power } from '../telemetry/power/open-power.ts';
import { meterKinds, openPower } from '../telemetry/power/open-power.ts';
import type { EngineCliOptions } from './options.ts';

/** How long a meter may take to give its first sample where it is needed. */
const startLimitMs = 20_000;

/** Options about power. */
export interface PowerCliOptions {
  readonly objective: Objective;
  readonly powerMeter: MeterKind;
}

export function addObjectiveOption(command: Command): Command {
  return command.addOption(
    new Option('--objective <name>', 'what to raise where several points hold the SLO')
      .choices(objectives)
      .default('throughput'),
  );
}

export function addPowerOptions(command: Command): Command {
  return addObjectiveOption(command).addOption(
    new Option(
      '--power-meter <kind>',
      "gpu: the GPU's board, by nvidia-smi; cpu: the CPU packages, by RAPL; auto: what the provider runs on",
    )
      .choices(meterKinds)
      .default('auto'),
  );
}

/** Starts metering what the provider runs on; nobody waits for it here. */
export function startPower(
  options: Pick<PowerCliOptions, 'powerMeter'> &
    Pick<EngineCliOptions, 'provider'> & { readonly device?: number },
): Promise<Power> {
  return openPower({
    clock: systemClock,
    kind: options.powerMeter,
    onGpu: options.provider !== 'cpu',
    ...(options.device !== undefined && { device: options.device }),
  });
}

/**
 * Waits for a first sample where an objective cannot do without.
 *
 * @throws DnnScalerError `unsupported`, saying why, when there is none
 */
export async function requirePower(objective: Objective, power: Power): Promise<void> {
  if (objective === 'throughput') return;
  const why = await new Promise<string | null>((resolve) => {
    // The meter does not keep this process alive; the timer does.
    const timer = systemClock.setTimer(startLimitMs, () => resolve('it does not answer'));
    void power.ready.then((reason) => {
      systemClock.clearTimer(timer);
      resolve(reason);
    });
  });
  if (why !== null) throw noMeter(why);
}

export function noMeter(why: string): DnnScalerError {
  return new DnnScalerError(
    'unsupported',
    `--objective throughput-per-watt needs a power meter, and here is none: ${why}`,
  );
}
