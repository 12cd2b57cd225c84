import { expect, it } from 'vitest';
import { systemClock } from '../../clock.ts';
import type { Row } from '../../tensor/row.ts';
import { syntheticSource } from '../../workload/row-source.ts';
import type { Deployment } from '../deployment.ts';
import { Calibration } from './calibration.ts';

/** Answers every row at the next turn of the event loop. */
function answering(onRow: () => void): Deployment<Row, Row> {
  const submit = (row: Row, settle: (error: null, reply: Row) => void): void => {
    onRow();
    setImmediate(() => {
      settle(null, row);
    });
  };
  return { submit } as unknown as Deployment<Row, Row>;
}

const source = syntheticSource((): Row => []);

it('ends when it is told to, with every row answered', async () => {
  const closing = new AbortController();
  let rows = 0;
  const deployment = answering(() => {
    rows += 1;
    if (rows === 5) closing.abort();
  });
  const calibration = new Calibration();
  expect(await calibration.run(deployment, source, 60_000, systemClock, closing.signal)).toBe(
    false,
  );
  expect(rows).toBe(5);
});

it('does not begin when it has no time, or comes too late', async () => {
  const deployment = answering(() => expect.unreachable());
  const late = AbortSignal.abort();
  const timely = new AbortController().signal;
  expect(await new Calibration().run(deployment, source, 1000, systemClock, late)).toBe(false);
  expect(await new Calibration().run(deployment, source, 0, systemClock, timely)).toBe(false);
});
