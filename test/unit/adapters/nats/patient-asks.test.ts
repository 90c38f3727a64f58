/** What a start asks NATS is repeated for as long as waiting can help, and not for longer. */
import { expect, it } from 'vitest';
import { brokerError } from '../../../../src/adapters/nats/broker-error.ts';
import { PatientAsks } from '../../../../src/adapters/nats/patient-asks.ts';
import { TroupeError } from '../../../../src/domain/errors.ts';
import { createManualClock } from '../../application/manual-clock.ts';

const silenceMaxMs = 10_000;
const timeout = brokerError(new Error('timeout'));
const refused = new TroupeError('BROKER_UNAVAILABLE', { metadata: { natsErrorCode: '10026' } });
const missing = new TroupeError('BROKER_UNAVAILABLE', { metadata: { natsErrorCode: '10059' } });

function start() {
  const clock = createManualClock();
  const told: unknown[] = [];
  const asks = new PatientAsks({ clock, log: { warn: (fields) => void told.push(fields['what']) }, silenceMaxMs });
  /** Lets time pass in steps as short as the pauses are. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 100) {
      for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
      clock.advance(100);
    }
  };
  return { asks, clock, told, pass };
}

it.each([
  ['is not given in time', timeout],
  ['says that a stream is missing', missing],
])('asks again while an answer %s, and says that the start waits', async (_what, error) => {
  const { asks, told, pass } = start();
  let tries = 0;
  const answered = asks.ask('queues', () => {
    tries += 1;
    return tries < 5 ? Promise.reject(error) : Promise.resolve('here');
  });
  await pass(5_000);
  expect(await answered).toBe('here');
  expect([tries, told]).toEqual([5, ['queues']]);
});

it('gives up at once if waiting cannot mend the error', async () => {
  const { asks, told } = start();
  await expect(asks.ask('queues', () => Promise.reject(refused))).rejects.toBe(refused);
  await expect(asks.ask('queues', () => Promise.reject(new TypeError('a bug')))).rejects.toThrow('a bug');
  expect(told).toEqual([]);
});

it('gives up when nothing was answered for as long as is allowed', async () => {
  const { asks, clock, pass } = start();
  const givenUpAtMs = asks.ask('queues', () => Promise.reject(timeout)).catch(() => clock.monotonicMs());
  await pass(2 * silenceMaxMs);
  expect(await givenUpAtMs).toBe(silenceMaxMs);
});

it('goes on for as long as other questions are answered', async () => {
  const { asks, clock, pass } = start();
  const givenUpAtMs = asks.ask('queues', () => Promise.reject(timeout)).catch(() => clock.monotonicMs());
  for (let n = 0; n < 5; n += 1) {
    await pass(silenceMaxMs / 2);
    await asks.ask('queues', () => Promise.resolve());
  }
  await pass(2 * silenceMaxMs);
  expect(await givenUpAtMs).toBe(3.5 * silenceMaxMs);
});
