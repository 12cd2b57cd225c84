import type { SessionConfig } from './protocol.ts';

/** What the pool is to become. */
export interface PoolTarget {
  readonly instances: number;
  /** Rows for which every instance is to be warm. */
  readonly batchSize: number;
  readonly config: SessionConfig;
  /** The configuration where there are only so many instances after all; default the same. */
  readonly configOf?: (instances: number) => SessionConfig;
}

/** `warming` runs a batch that nobody waits for; `hung` was given up and is left to itself. */
export type MemberState = 'loading' | 'warming' | 'idle' | 'busy' | 'retiring' | 'hung';

/** An instance as the plan sees it. */
export interface Planned {
  readonly config: SessionConfig;
  readonly state: MemberState;
  /** True from the time it first could take a batch. */
  readonly serving: boolean;
  /** Batch sizes that it has run. */
  readonly warm: ReadonlySet<number>;
}

/** Steps that bring the members nearer to the target; all may be taken at once. */
export interface PoolPlan<M extends Planned> {
  /** Members and target agree: nothing to do, and nothing to wait for. */
  readonly settled: boolean;
  readonly start: number;
  readonly retire: readonly M[];
  readonly warmUp: readonly M[];
}

/**
 * Compares the members with the target. Members of an old configuration are retired only as fast
 * as others stand in for them, so the capacity never drops below the smaller of before and after.
 * Serving members are warmed up when idle, half of them at a time: on a GPU it takes seconds.
 *
 * @param maxLoading instances that may load at the same time
 */
export function planPool<M extends Planned>(
  members: readonly M[],
  target: PoolTarget,
  maxLoading: number,
): PoolPlan<M> {
  const live = members.filter(isLive);
  const fresh = live.filter(({ config }) => sameConfig(config, target.config));
  const stale = live.filter((member) => !fresh.includes(member));

  const retire = stale.filter(({ serving }) => !serving);
  const surplus = live.filter(({ serving }) => serving).length - target.instances;
  const staleServing = easiestFirst(stale.filter(({ serving }) => serving));
  retire.push(...staleServing.slice(0, Math.max(0, surplus)));
  retire.push(...easiestFirst(fresh).slice(0, Math.max(0, fresh.length - target.instances)));

  const loading = live.filter(({ state }) => state === 'loading').length;
  const missing = target.instances - fresh.length;
  const start = Math.max(0, Math.min(missing, maxLoading - loading));

  const warming = live.filter(({ serving, state }) => serving && state === 'warming').length;
  const cold = live.filter(
    (member) => member.state === 'idle' && !isWarm(member, target) && !retire.includes(member),
  );
  const together = Math.max(1, Math.floor(live.filter(({ serving }) => serving).length / 2));
  const staying = members.filter(({ state }) => state !== 'hung');
  const settled =
    staying.length === target.instances &&
    fresh.length === target.instances &&
    fresh.every((member) => isWarm(member, target) && isReady(member));
  return { settled, start, retire, warmUp: cold.slice(0, Math.max(0, together - warming)) };
}

/** Neither on its way out nor hung. */
export function isLive({ state }: Planned): boolean {
  return state === 'loading' || state === 'warming' || state === 'idle' || state === 'busy';
}

function isWarm({ warm }: Planned, { batchSize }: PoolTarget): boolean {
  return warm.has(batchSize);
}

/**
 * The target to be content with when an instance could not be started during a change: what is there in
 * the new configuration, as it is to be for so many, or else in the old one, where there are more of that.
 * Undefined when nothing is there.
 */
export function nearestTarget(
  members: readonly Planned[],
  { configOf, ...target }: PoolTarget,
): PoolTarget | undefined {
  const live = members.filter(isLive);
  const countOf = (config: SessionConfig): number =>
    live.filter((member) => sameConfig(member.config, config)).length;
  const fresh = countOf(target.config);
  const old = live.find(
    ({ serving, config }) => serving && !sameConfig(config, target.config),
  )?.config;
  if (old !== undefined && countOf(old) > fresh) {
    return { ...target, instances: Math.min(target.instances, countOf(old)), config: old };
  }
  if (fresh === 0) return undefined;
  // Once: a replacement that fails, too, is no reason to replace those that there are again.
  const instances = Math.min(target.instances, fresh);
  return { ...target, instances, config: configOf?.(instances) ?? target.config };
}

function isReady({ state }: Planned): boolean {
  return state === 'idle' || state === 'busy';
}

/** Those whose retirement costs least first: not serving yet, then idle, then busy. */
function easiestFirst<M extends Planned>(members: readonly M[]): M[] {
  const cost = ({ serving, state }: Planned): number => (!serving ? 0 : state === 'idle' ? 1 : 2);
  return members.toSorted((a, b) => cost(a) - cost(b));
}

function sameConfig(a: SessionConfig, b: SessionConfig): boolean {
  return a.provider === b.provider && a.threads === b.threads && a.spinning === b.spinning;
}
