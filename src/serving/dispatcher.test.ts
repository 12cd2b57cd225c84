import { beforeEach, describe, expect, it } from 'vitest';
import { DnnScalerError as ErrorOfOurs } from '../errors.ts';
import { VirtualClock } from '../simulator/virtual-clock.ts';
import { Dispatcher } from './dispatcher.ts';
import { DispatcherBench } from './testing/dispatcher-bench.ts';
import { ManualEngine } from './test-support.ts';

/** Counts timers that were set and not cleared or fired. */
class WatchedClock extends VirtualClock {
  pending = 0;
  set = 0;

  override setTimer(delayMs: number, fire: () => void) {
    this.pending += 1;
    this.set += 1;
    return super.setTimer(delayMs, () => {
      this.pending -= 1;
      fire();
    });
  }

  override clearTimer(timer: unknown): void {
    if ((timer as { fire?: unknown } | undefined)?.fire !== undefined) this.pending -= 1;
    super.clearTimer(timer);
  }
}

let bench: DispatcherBench<WatchedClock>;
let clock: WatchedClock;
let engine: ManualEngine<number>;
let dispatcher: Dispatcher<number, number>;

function start(batchSize: number, instances: number, sloLimitMs?: number): void {
  bench = new DispatcherBench(new WatchedClock(), batchSize, instances, sloLimitMs);
  ({ clock, engine, dispatcher } = bench);
}

const submit = (...rows: number[]): void => bench.submit(...rows);
const running = (): (readonly number[])[] => bench.running;

beforeEach(() => {
  start(4, 2);
});

describe('batches', () => {
  it('go out full before the replies of the one before them, and unfilled after those', () => {
    start(2, 1);
    const runningAtReply: (readonly number[])[][] = [];
    for (const row of [1, 2, 3, 4, 5]) {
      dispatcher.submit(row, () => runningAtReply.push(running()));
    }
    clock.runUntil(90);
    engine.running[0]?.answer();
    expect(runningAtReply).toEqual([[[3, 4]], [[3, 4]]]);
    engine.running[0]?.answer();
    expect(runningAtReply.slice(2)).toEqual([[], []]);
    expect(running()).toEqual([[5]]);
  });

  it('are told of before their replies, and again after them', () => {
    start(2, 1);
    dispatcher.submit(0, () => bench.settledAtReplied.push(-bench.answeredBatches.length));
    submit(1);
    engine.running[0]?.answer();
    expect(bench.settledAtReplied).toEqual([-1, 1]);
  });

  it('go out full at once, in order of arrival, to as many instances as are free', () => {
    submit(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    expect(running()).toEqual([
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ]);
    expect(dispatcher.queued).toBe(4);
    expect(dispatcher.inFlight).toBe(2);
    engine.running[1]?.answer();
    expect(running()).toEqual([
      [1, 2, 3, 4],
      [9, 10, 11, 12],
    ]);
  });

  it('answer every request with its own reply', () => {
    submit(1, 2, 3, 4);
    engine.running[0]?.answer();
    expect(bench.settled).toEqual([1, 2, 3, 4].map((row) => ({ row, reply: row, error: null })));
  });

  it('hold the rows that arrive together, even where they need not wait for more', () => {
    dispatcher.hurry();
    dispatcher.together(() => submit(1, 2, 3));
    expect(running()).toEqual([[1, 2, 3]]);
  });

  it('take no more than the batch size after it has changed', () => {
    start(4, 0);
    submit(1, 2, 3, 4, 5, 6);
    dispatcher.setBatchSize(2);
    engine.revive(3);
    expect(running()).toEqual([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
  });

  it('are refilled from replies before the next batch is formed', () => {
    start(2, 1);
    const again = (row: number): void => {
      dispatcher.submit(row, () => {
        if (row < 20) again(row + 10);
      });
    };
    again(1);
    again(2);
    engine.running[0]?.answer();
    expect(running()).toEqual([[11, 12]]);
  });
});

describe('holding back', () => {
  it('waits for a fuller batch for half the SLO while nothing is known, with one timer', () => {
    submit(1);
    clock.runUntil(20);
    submit(2);
    expect(clock.pending).toBe(1);
    clock.runUntil(49);
    expect(running()).toEqual([]);
    clock.runUntil(51);
    expect(running()).toEqual([[1, 2]]);
    expect(clock.pending).toBe(0);
  });

  it('ends when the batch is full, and leaves no timer', () => {
    submit(1, 2, 3);
    expect(clock.pending).toBe(1);
    submit(4);
    expect(running()).toEqual([[1, 2, 3, 4]]);
    expect(clock.pending).toBe(0);
  });

  it('leaves time for an execution as long as the last ones took', () => {
    submit(1, 2, 3, 4);
    clock.runUntil(70);
    engine.running[0]?.answer();
    submit(5);
    clock.runUntil(70 + 19);
    expect(running()).toEqual([]);
    clock.runUntil(70 + 21);
    expect(running()).toEqual([[5]]);
  });

  it('sets no timer for each request', () => {
    for (let row = 0; row < 1000; row += 1) submit(row);
    expect(clock.set).toBeLessThanOrEqual(2);
    start(128, 1);
    for (let row = 0; row < 127; row += 1) {
      clock.runUntil(row / 10);
      submit(row);
    }
    expect(clock.set).toBe(1);
  });

  it('ends earlier when the SLO becomes tighter', () => {
    submit(1);
    clock.runUntil(10);
    dispatcher.setSloLimit(40);
    clock.runUntil(21);
    expect(running()).toEqual([[1]]);
  });

  it('ends later when the SLO becomes looser', () => {
    submit(1);
    dispatcher.setSloLimit(400);
    clock.runUntil(190);
    expect(running()).toEqual([]);
    clock.runUntil(201);
    expect(running()).toEqual([[1]]);
  });

  it('ends earlier when calls turn out to take longer', () => {
    submit(1, 2, 3, 4);
    clock.runUntil(30);
    submit(5);
    clock.runUntil(60);
    engine.running[0]?.answer();
    clock.runUntil(61);
    expect(running()).toEqual([[5]]);
  });

  it('moves on at any moment, however the clock rounds', () => {
    for (let i = 1; i <= 2000; i += 1) {
      start(4, 1, 10 + i * 0.737);
      clock.runUntil(i * 1_234.567_89 + i / 3);
      submit(i);
      let steps = 0;
      clock.runWhile(() => engine.running.length > 0 || (steps += 1) > 10);
      expect(running()).toEqual([[i]]);
    }
  });

  it('does not start while no more requests will come', () => {
    submit(1);
    dispatcher.hurry();
    expect(running()).toEqual([[1]]);
    submit(2);
    expect(running()).toEqual([[1], [2]]);
  });
});

describe('a batch that loses its instance', () => {
  it('runs once more elsewhere, as it was, before others', () => {
    submit(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    engine.running[0]?.end('instance-lost');
    expect(dispatcher.queued).toBe(8);
    engine.running[0]?.answer();
    expect(running()).toEqual([[1, 2, 3, 4]]);
    engine.running[0]?.answer();
    expect(bench.settled.map(({ row, reply }) => [row, reply])).toEqual(
      [5, 6, 7, 8, 1, 2, 3, 4].map((row) => [row, row]),
    );
    expect(bench.failedBatches).toEqual([]);
  });

  it('is taken apart when it loses a second, so that only the guilty request fails', () => {
    submit(1, 2, 3, 4);
    engine.running[0]?.end('instance-lost');
    engine.running[0]?.end('instance-lost');
    expect(dispatcher.queued).toBe(4);
    engine.revive(2);
    while (engine.running.length > 0) {
      const [call] = engine.running;
      expect(call?.rows).toHaveLength(1);
      if (call?.rows[0] === 3) {
        call.end('instance-lost', 'it died');
        engine.revive();
      } else {
        call?.answer();
      }
    }
    expect(bench.settled.filter(({ error }) => error === null).map(({ reply }) => reply)).toEqual([
      1, 2, 4,
    ]);
    const [guilty, ...others] = bench.settled.filter(({ error }) => error !== null);
    expect(guilty).toMatchObject({ row: 3, error: { message: 'it died' } });
    expect(others).toEqual([]);
  });

  it('of one request fails with the second', () => {
    start(1, 2);
    submit(7);
    engine.running[0]?.end('instance-lost');
    engine.running[0]?.end('instance-lost');
    expect(bench.settled).toMatchObject([
      { row: 7, reply: undefined, error: { code: 'unavailable' } },
    ]);
    expect(bench.failedBatches).toHaveLength(1);
  });

  it('is not run again for requests whose time has passed', () => {
    start(1, 1);
    const outcomes: (string | undefined)[] = [];
    dispatcher.submit(1, (error) => outcomes.push(error?.code), { expiresMs: 50 });
    engine.running[0]?.end('instance-lost');
    clock.runUntil(60);
    engine.revive();
    expect(outcomes).toEqual(['deadline-exceeded']);
    expect(running()).toEqual([]);
  });

  it('belongs to the operating point at which it was formed', () => {
    submit(1, 2, 3, 4);
    const formedIn = dispatcher.epoch;
    dispatcher.setBatchSize(2);
    engine.running[0]?.end('instance-lost');
    expect(running()).toEqual([[1, 2, 3, 4]]);
    engine.running[0]?.answer();
    expect(bench.answeredBatches.map(({ epoch }) => epoch)).toEqual([formedIn]);
    expect(dispatcher.epoch).toBe(formedIn + 1);
  });
});

describe('errors', () => {
  it.each(['failed', 'timed-out'] as const)('of a call that %s reach only its batch', (kind) => {
    submit(1, 2, 3, 4, 5, 6, 7, 8);
    engine.running[0]?.end(kind, 'no good');
    engine.running[0]?.answer();
    expect(bench.settled.map(({ row, error }) => [row, error?.message])).toEqual([
      ...[1, 2, 3, 4].map((row) => [row, 'no good']),
      ...[5, 6, 7, 8].map((row) => [row, undefined]),
    ]);
    expect(bench.failedBatches).toHaveLength(1);
    expect(bench.answeredBatches).toHaveLength(1);
  });
});

describe('giving up', () => {
  const late = new ErrorOfOurs('unavailable', 'too late');

  it('fails what waits, and lets what runs end', () => {
    submit(1, 2, 3, 4, 5, 6, 7, 8, 9, 10);
    engine.running[0]?.end('instance-lost');
    dispatcher.giveUp(late);
    expect(bench.settled.map(({ row }) => row)).toEqual([1, 2, 3, 4, 9, 10]);
    expect(bench.settled.every(({ error }) => error === late)).toBe(true);
    expect(dispatcher.queued).toBe(0);
    engine.running[0]?.answer();
    expect(bench.settled.slice(6).map(({ reply }) => reply)).toEqual([5, 6, 7, 8]);
  });

  it('fails a batch that loses its instance afterwards: nobody would run it again', () => {
    submit(1, 2, 3, 4);
    dispatcher.giveUp(late);
    engine.running[0]?.end('instance-lost', 'it died');
    expect(bench.settled.map(({ error }) => error?.message)).toEqual(new Array(4).fill('it died'));
    expect(dispatcher.queued).toBe(0);
  });

  it('leaves no timer behind', () => {
    submit(1);
    dispatcher.giveUp(late);
    expect(clock.pending).toBe(0);
  });
});

describe('the core path', () => {
  it('settles requests synchronously: it makes no promise', () => {
    submit(1, 2, 3, 4);
    const [call] = engine.running;
    call?.answer();
    expect(bench.settled).toHaveLength(4);
  });

  it('survives an engine that calls back before its call returns', () => {
    const eager = new ManualEngine<number>();
    eager.freeInstances = 1;
    eager.run = (rows, done) => {
      done({ kind: 'done', replies: { replyAt: (index) => rows[index] as number } });
    };
    const replies: (number | undefined)[] = [];
    const loop = new Dispatcher<number, number>(eager, clock, 100, {
      onAnswered: () => undefined,
      onFailed: () => undefined,
    });
    const next = (row: number): void => {
      loop.submit(row, (_, reply) => {
        replies.push(reply);
        if (row < 50_000) next(row + 1);
      });
    };
    next(1);
    expect(replies).toHaveLength(50_000);
    expect(replies.at(-1)).toBe(50_000);
  });
});
