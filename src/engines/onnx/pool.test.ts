import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DnnScalerError } from '../../errors.ts';
import { VirtualClock } from '../../simulator/virtual-clock.ts';
import type { EngineHealth } from '../engine.ts';
import type { Instance, InstanceDone, InstanceListener, InstanceOutcome } from './instance.ts';
import { Pool } from './pool.ts';
import type { PooledInstance } from './pool.ts';
import type { PoolTarget } from './pool-plan.ts';
import type { PackedBatch, SessionConfig } from './protocol.ts';

const configOf = (threads: number): SessionConfig => ({ provider: 'cpu', threads, spinning: true });
const batchOf = (rows: number): PackedBatch => ({
  tensors: [{ dims: [rows], byteOffset: 0, byteLength: 0 }],
  buffer: new ArrayBuffer(0),
  usedBytes: 0,
});
const fault = (message: string): DnnScalerError => new DnnScalerError('unavailable', message);
const answer: InstanceOutcome = { kind: 'done', tensors: [], buffer: new ArrayBuffer(0) };

/** An instance that does what the test says, and checks that the pool keeps the rules. */
class FakeInstance implements PooledInstance {
  readonly pid = undefined;
  readonly config: SessionConfig;
  listener: InstanceListener;
  phase: 'loading' | 'ready' | 'running' | 'ended' | 'hung' = 'loading';
  rows = 0;
  retiring = false;
  #done: InstanceDone | undefined;

  constructor(config: SessionConfig, listener: InstanceListener) {
    this.config = config;
    this.listener = listener;
  }

  run(batch: PackedBatch, done: InstanceDone): void {
    expect(this.phase).toBe('ready');
    expect(this.retiring).toBe(false);
    this.phase = 'running';
    this.rows = batch.tensors[0]?.dims[0] ?? 0;
    this.#done = done;
  }

  retire(): void {
    expect(this.retiring).toBe(false);
    this.retiring = true;
  }

  giveUp(error: DnnScalerError): void {
    if (this.phase === 'ended' || this.phase === 'hung') return;
    this.phase = 'hung';
    this.#finish({ kind: 'timed-out', error });
    this.listener.onHung(error);
  }

  /** Lets it get on with what it is at. */
  step(): void {
    if (this.phase === 'loading') {
      this.phase = 'ready';
      if (!this.retiring) this.listener.onLoaded({ inputs: [], outputs: [] });
    } else if (this.phase === 'running') {
      this.phase = 'ready';
      this.#finish(answer);
    } else if (this.phase === 'ready' && this.retiring) {
      this.phase = 'ended';
      this.listener.onEnded(undefined);
    }
  }

  failRun(error: DnnScalerError): void {
    this.phase = 'ready';
    this.#finish({ kind: 'failed', error });
  }

  /** The run is over for whoever waits; the process is still being killed. */
  timeOut(error: DnnScalerError): void {
    this.#finish({ kind: 'timed-out', error });
  }

  die(error: DnnScalerError): void {
    this.phase = 'ended';
    this.#finish({ kind: 'instance-lost', error });
    this.listener.onEnded(error);
  }

  #finish(outcome: InstanceOutcome): void {
    const done = this.#done;
    this.#done = undefined;
    done?.(outcome, undefined);
  }
}

function setUp(options: { readonly obstacle?: () => DnnScalerError | undefined } = {}) {
  const clock = new VirtualClock();
  const started: FakeInstance[] = [];
  const health: EngineHealth[] = [];
  const pool: Pool = new Pool(
    {
      start: (config, listener) => {
        const instance = new FakeInstance(config, listener);
        started.push(instance);
        return instance;
      },
      warmUpBatch: batchOf,
      recycle: () => undefined,
      obstacle: options.obstacle ?? (() => undefined),
      maxLoading: 4,
      firstBackoffMs: 100,
      maxBackoffMs: 1000,
      closeLimitMs: 5000,
      clock,
      onCapacity: () => undefined,
      onHealth: (told) => health.push(told),
    },
    { instances: 1, batchSize: 1, config: configOf(4) },
  );
  const first = new FakeInstance(configOf(4), {
    onLoaded: () => undefined,
    onEnded: () => undefined,
    onHung: () => undefined,
  });
  first.phase = 'ready';
  started.push(first);
  pool.adopt(first as unknown as Instance, [1]);
  const applied: (DnnScalerError | null)[] = [];
  const apply = (target: PoolTarget): void => pool.apply(target, (error) => applied.push(error));
  const states = (): string => pool.instances.map(({ state }) => state).join(' ');
  return { pool, clock, started, first, health, applied, apply, states };
}

describe('resizing', () => {
  it('warms newcomers before they count and reports when all is in effect', () => {
    const { pool, started, applied, apply, states } = setUp();
    apply({ instances: 3, batchSize: 1, config: configOf(4) });
    expect(states()).toBe('idle loading loading');
    for (const instance of started) instance.step();
    expect(states()).toBe('idle warming warming');
    expect(pool.freeInstances).toBe(1);
    for (const instance of started) instance.step();
    expect(pool.freeInstances).toBe(3);
    expect(applied).toEqual([null]);
  });

  it('warms serving instances one at a time, when they are idle', () => {
    const { pool, started, applied, apply } = setUp();
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    started[1]?.step();
    started[1]?.step();
    pool.run(batchOf(1), () => undefined);
    apply({ instances: 2, batchSize: 8, config: configOf(4) });
    const [a, b] = started as [FakeInstance, FakeInstance];
    expect([a.rows, b.rows].toSorted()).toEqual([1, 8]);
    const busy = a.rows === 1 ? a : b;
    const warming = busy === a ? b : a;
    warming.step();
    expect(pool.freeInstances).toBe(1);
    expect(applied).toEqual([null]);
    busy.step();
    expect(busy.rows).toBe(8);
    busy.step();
    expect(applied).toEqual([null, null]);
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    expect(applied).toHaveLength(3);
  });

  it('finds the time to warm up an instance that is kept busy', () => {
    const { pool, first, applied, apply } = setUp();
    const loop = (): void => pool.run(batchOf(1), () => pool.freeInstances > 0 && loop());
    loop();
    first.step();
    apply({ instances: 1, batchSize: 8, config: configOf(4) });
    first.step();
    expect(first.rows).toBe(8);
    first.step();
    expect(applied).toEqual([null]);
  });

  it('keeps all but one serving while they are warmed up', () => {
    const { pool, started, apply } = setUp();
    apply({ instances: 3, batchSize: 1, config: configOf(4) });
    for (let i = 0; i < 2; i += 1) for (const instance of started) instance.step();
    apply({ instances: 3, batchSize: 8, config: configOf(4) });
    for (let i = 0; i < 3; i += 1) {
      expect(pool.freeInstances).toBe(2);
      started.find(({ phase }) => phase === 'running')?.step();
    }
    expect(pool.freeInstances).toBe(3);
  });

  it('replaces instances of another configuration without a gap', () => {
    const { pool, started, first, applied, apply, states } = setUp();
    apply({ instances: 2, batchSize: 1, config: configOf(2) });
    expect(states()).toBe('idle loading loading');
    started[1]?.step();
    started[1]?.step();
    expect(first.retiring).toBe(false);
    pool.run(batchOf(1), () => undefined);
    pool.run(batchOf(1), () => undefined);
    started[2]?.step();
    started[2]?.step();
    expect(first.retiring).toBe(true);
    expect(applied).toEqual([]);
    for (let i = 0; i < 2; i += 1) for (const instance of started) instance.step();
    expect(applied).toEqual([null]);
    expect(states()).toBe('idle idle');
  });

  it('shrinks by what is idle first and waits for the last run', () => {
    const { pool, started, applied, apply } = setUp();
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    started[1]?.step();
    started[1]?.step();
    pool.run(batchOf(1), () => undefined);
    apply({ instances: 1, batchSize: 1, config: configOf(4) });
    const retiring = started.filter((instance) => instance.retiring);
    expect(retiring.map(({ phase }) => phase)).toEqual(['ready']);
    expect(applied).toEqual([null]);
    retiring[0]?.step();
    expect(applied).toEqual([null, null]);
  });

  it('does not hand an instance out again that is to go after its run', () => {
    const { pool, started, applied, apply } = setUp();
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    started[1]?.step();
    started[1]?.step();
    const free: number[] = [];
    pool.run(batchOf(1), () => free.push(pool.freeInstances));
    pool.run(batchOf(1), () => free.push(pool.freeInstances));
    apply({ instances: 1, batchSize: 1, config: configOf(4) });
    for (const instance of started) instance.step();
    expect(free.toSorted()).toEqual([0, 1]);
    for (const instance of started) instance.step();
    expect(applied).toEqual([null, null]);
  });
});

describe('what cannot be reached', () => {
  it('is content with fewer instances when one cannot be loaded', () => {
    const { pool, started, health, applied, apply } = setUp();
    apply({ instances: 3, batchSize: 1, config: configOf(4) });
    started[1]?.step();
    started[1]?.step();
    started[2]?.die(fault('no memory'));
    expect(applied).toEqual([null]);
    expect(pool.target.instances).toBe(2);
    expect(health.at(-1)).toMatchObject({ ready: true });
    expect(health.at(-1)?.message).toContain('no memory');
  });

  it('asks before it starts one, and waits no longer than for those that are loading', () => {
    let left = 2;
    const { pool, started, applied, apply } = setUp({
      obstacle: () => (left-- > 0 ? undefined : fault('full')),
    });
    apply({ instances: 4, batchSize: 1, config: configOf(4) });
    expect(started).toHaveLength(3);
    for (let i = 0; i < 2; i += 1) for (const instance of started) instance.step();
    expect(applied).toEqual([null]);
    expect(pool.target.instances).toBe(3);
  });

  it('keeps the old configuration when the new one cannot be started', () => {
    const { pool, started, first, applied, apply } = setUp();
    apply({ instances: 1, batchSize: 1, config: configOf(2) });
    started[1]?.die(fault('no threads'));
    expect(applied).toEqual([null]);
    expect(pool.target.config.threads).toBe(4);
    expect(first.retiring).toBe(false);
    expect(pool.freeInstances).toBe(1);
  });

  it('goes back to the batch size before when the new one fails to run', () => {
    const { pool, first, health, applied, apply } = setUp();
    apply({ instances: 1, batchSize: 64, config: configOf(4) });
    expect(first.rows).toBe(64);
    first.failRun(fault('too large'));
    expect(applied).toEqual([null]);
    expect(pool.target.batchSize).toBe(1);
    expect(pool.freeInstances).toBe(1);
    expect(health.at(-1)?.message).toContain('a warm-up run of 64 rows failed: too large');
    apply({ instances: 1, batchSize: 64, config: configOf(4) });
    expect(first.phase).toBe('running');
    first.step();
    expect(pool.target.batchSize).toBe(64);
  });

  it('warms newcomers for the batch size that others have gone back to', () => {
    const { pool, started, first, applied, apply } = setUp();
    apply({ instances: 2, batchSize: 64, config: configOf(4) });
    started[1]?.step();
    first.failRun(fault('too large'));
    started[1]?.step();
    expect(started[1]?.rows).toBe(1);
    expect(pool.freeInstances).toBe(1);
    started[1]?.step();
    expect(applied).toEqual([null]);
  });

  it('answers at once when nothing can be started', () => {
    const { applied, apply } = setUp({ obstacle: () => fault('full') });
    apply({ instances: 3, batchSize: 1, config: configOf(4) });
    expect(applied).toEqual([null]);
  });

  it('says so when nothing is left, and goes on trying', () => {
    const { clock, started, first, health, applied, apply, states } = setUp();
    first.die(fault('killed'));
    apply({ instances: 1, batchSize: 1, config: configOf(4) });
    started[1]?.die(fault('gone again'));
    expect(applied.map((error) => error?.message)).toEqual(['gone again']);
    expect(health.at(-1)).toMatchObject({ ready: false });
    clock.runUntil(clock.nowMs() + 1000);
    for (let i = 0; i < 2; i += 1) started[2]?.step();
    expect(states()).toBe('idle');
    expect(health.at(-1)).toEqual({ ready: true });
  });
});

describe('instances that die', () => {
  it('are replaced after pauses that double until one works', () => {
    const { clock, started, first } = setUp();
    first.die(fault('killed'));
    const startedAfter = (ms: number): number => {
      const before = started.length;
      clock.runUntil(clock.nowMs() + ms);
      return started.length - before;
    };
    for (const pauseMs of [100, 200, 400, 800, 1000, 1000]) {
      expect(startedAfter(pauseMs - 1)).toBe(0);
      expect(startedAfter(1)).toBe(1);
      started.at(-1)?.die(fault('again'));
    }
  });

  it('do not make the pauses shorter by working until their first batch', () => {
    const { pool, clock, started, first } = setUp();
    first.die(fault('killed'));
    const reviveAfter = (pauseMs: number): FakeInstance => {
      const before = started.length;
      clock.runUntil(clock.nowMs() + pauseMs - 1);
      expect(started.length).toBe(before);
      clock.runUntil(clock.nowMs() + 1);
      const revived = started.at(-1) as FakeInstance;
      revived.step();
      revived.step();
      pool.run(batchOf(1), () => undefined);
      return revived;
    };
    reviveAfter(100).die(fault('a deadly batch'));
    reviveAfter(200).die(fault('a deadly batch'));
    const healthy = reviveAfter(400);
    healthy.step();
    healthy.die(fault('later'));
    reviveAfter(100);
  });

  it('do not make the pauses shorter while others work', () => {
    const { pool, clock, started, first, apply } = setUp();
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    for (let i = 0; i < 2; i += 1) started[1]?.step();
    started[1]?.die(fault('killed'));
    for (const pauseMs of [100, 200, 400]) {
      pool.run(batchOf(1), () => undefined);
      first.step();
      const before = started.length;
      clock.runUntil(clock.nowMs() + pauseMs - 1);
      expect(started.length).toBe(before);
      clock.runUntil(clock.nowMs() + 1);
      started.at(-1)?.die(fault('again'));
    }
  });

  it('are not replaced before they are gone', () => {
    const { pool, clock, started, first, apply } = setUp();
    pool.run(batchOf(1), () => undefined);
    first.timeOut(fault('too long'));
    apply({ instances: 1, batchSize: 1, config: configOf(4) });
    clock.runUntil(5000);
    expect(started).toHaveLength(1);
    first.die(fault('too long'));
    clock.runUntil(5100);
    expect(started).toHaveLength(2);
  });

  it('tell of their batch and of the health', () => {
    const { pool, first, health } = setUp();
    const outcomes: string[] = [];
    pool.run(batchOf(1), ({ kind }) => outcomes.push(kind));
    first.die(fault('killed'));
    expect(outcomes).toEqual(['instance-lost']);
    expect(health.at(-1)).toEqual({ ready: false, message: 'no instance is running: killed' });
  });
});

describe('instances that hang', () => {
  it('make the engine not ready, are replaced, and are forgiven when they come back', () => {
    const { pool, clock, started, first, health } = setUp();
    const outcomes: string[] = [];
    pool.run(batchOf(1), ({ kind }) => outcomes.push(kind));
    first.giveUp(fault('too long'));
    expect(outcomes).toEqual(['timed-out']);
    expect(health.at(-1)).toMatchObject({ ready: false });
    expect(health.at(-1)?.message).toContain('hangs in a run');
    clock.runUntil(100);
    for (let i = 0; i < 2; i += 1) started[1]?.step();
    expect(pool.freeInstances).toBe(1);
    expect(health.at(-1)).toMatchObject({ ready: false });
    first.listener.onEnded(undefined);
    expect(health.at(-1)).toEqual({ ready: true });
  });

  it('may end as they like when they have been replaced', () => {
    const { clock, started, first, health } = setUp();
    first.giveUp(fault('too long'));
    clock.runUntil(100);
    for (let i = 0; i < 2; i += 1) started[1]?.step();
    first.listener.onEnded(fault('a bad end'));
    expect(health.at(-1)).toEqual({ ready: true });
  });
});

describe('closing', () => {
  it('lets runs end, and loading too', () => {
    const { pool, started, applied, apply } = setUp();
    const outcomes: string[] = [];
    pool.run(batchOf(1), ({ kind }) => outcomes.push(kind));
    apply({ instances: 2, batchSize: 1, config: configOf(4) });
    let closed = false;
    pool.close(() => (closed = true));
    expect(applied.map((error) => error?.code)).toEqual(['cancelled']);
    expect(closed).toBe(false);
    for (let i = 0; i < 2; i += 1) for (const instance of started) instance.step();
    expect(outcomes).toEqual(['done']);
    expect(closed).toBe(true);
  });

  it('does not wait for a run past its limit', () => {
    const { pool, clock } = setUp();
    const outcomes: string[] = [];
    pool.run(batchOf(1), ({ kind }) => outcomes.push(kind));
    let closed = false;
    pool.close(() => (closed = true));
    clock.runUntil(4999);
    expect(closed).toBe(false);
    clock.runUntil(5000);
    expect(closed).toBe(true);
    expect(outcomes).toEqual(['timed-out']);
  });
});

describe('whatever happens', () => {
  it('every batch ends once, every change is answered, and members come to agree with the target', () => {
    const event = fc.oneof(
      { weight: 6, arbitrary: fc.record({ kind: fc.constant('step'), which: fc.nat(9) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('run'), which: fc.nat(9) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('die'), which: fc.nat(9) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('fail'), which: fc.nat(9) }) },
      { weight: 1, arbitrary: fc.record({ kind: fc.constant('pass'), which: fc.nat(300) }) },
      {
        weight: 2,
        arbitrary: fc.record({
          kind: fc.constant('apply'),
          which: fc.nat(3),
          batchSize: fc.constantFrom(1, 4, 32),
          threads: fc.constantFrom(1, 2),
        }),
      },
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 80 }), (events) => {
        const { pool, clock, started, applied, apply } = setUp();
        let asked = 0;
        let runs = 0;
        let ended = 0;
        const living = (): FakeInstance[] => started.filter(({ phase }) => phase !== 'ended');
        const pick = (which: number): FakeInstance | undefined =>
          living()[which % Math.max(1, living().length)];
        for (const happening of events) {
          if (happening.kind === 'step') pick(happening.which)?.step();
          else if (happening.kind === 'die') pick(happening.which)?.die(fault('died'));
          else if (happening.kind === 'pass') clock.runUntil(clock.nowMs() + happening.which);
          else if (happening.kind === 'fail') {
            const running = living().find(({ phase }) => phase === 'running');
            running?.failRun(fault('failed'));
          } else if (happening.kind === 'run' && pool.freeInstances > 0) {
            runs += 1;
            pool.run(batchOf(1), () => (ended += 1));
          } else if ('batchSize' in happening && applied.length === asked) {
            asked += 1;
            const { which, batchSize, threads } = happening;
            apply({ instances: which + 1, batchSize, config: configOf(threads) });
          }
        }
        for (let i = 0; i < 200; i += 1) {
          for (const instance of living()) instance.step();
          clock.runUntil(clock.nowMs() + 100);
        }
        expect(ended).toBe(runs);
        expect(applied).toHaveLength(asked);
        const { instances, config } = pool.target;
        expect(pool.freeInstances).toBe(instances);
        expect(living()).toHaveLength(instances);
        expect(living().every((instance) => instance.config.threads === config.threads)).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
