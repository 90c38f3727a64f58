// A server that is kept up: started again with growing pauses, given up when it does not stay, left alone once stopped.
import { describe, expect, it } from 'vitest';
import { createVirtualClock } from '../../../src/kernel/testkit/index.ts';
import { keepBackoff, keepIntensity, KeptService, type ServiceProcess } from '../../../src/compose/kept-service.ts';
import { silentLog } from '../../support/stores.ts';

/** As random as it gets in the middle: no jitter. */
const middle = (): number => 0.5;

function fixture() {
  const clock = createVirtualClock();
  const said: string[] = [];
  const lives: { end: () => void; stops: number }[] = [];
  let failing: string | undefined;
  let slow = false;
  const life = (): ServiceProcess => {
    let end = (): void => undefined;
    const promise = new Promise<void>((resolve) => (end = resolve));
    const own = { end, stops: 0 };
    lives.push(own);
    return {
      exited: promise,
      stop: () => {
        own.stops += 1;
        own.end();
        return promise;
      },
    };
  };
  const service = new KeptService({
    name: 'nats-server',
    first: life(),
    start: (stop) => {
      if (slow) return new Promise((_, reject) => stop.addEventListener('abort', () => reject(new Error('stopped'))));
      return failing === undefined ? Promise.resolve(life()) : Promise.reject(new Error(failing));
    },
    say: (line) => void said.push(line),
    clock,
    random: middle,
    log: silentLog,
  });
  const pass = async (ms: number): Promise<void> => {
    const untilMs = clock.monotonicMs() + ms;
    do await settle();
    while (clock.step(untilMs));
    await settle();
  };
  const failNext = (why: string | undefined): void => void (failing = why);
  const slowNext = (): void => void (slow = true);
  return { service, said, lives, pass, clock, failNext, slowNext };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('KeptService', () => {
  it('starts what ended again, each time after twice the pause, and says so', async () => {
    const { lives, pass, said } = fixture();
    for (const [index, pauseMs] of [500, 1_000, 2_000].entries()) {
      lives.at(-1)?.end();
      await pass(pauseMs - 1);
      expect(lives).toHaveLength(index + 1);
      await pass(1);
      expect(lives).toHaveLength(index + 2);
    }
    expect(said.slice(0, 2)).toEqual([
      'nats-server is down (it ended); it is started again (1 of 5)',
      'nats-server is back',
    ]);
  });

  it('gives up a server that does not stay, with the last reason', async () => {
    const { service, lives, pass, failNext } = fixture();
    failNext('port 4222 is taken');
    lives[0]?.end();
    for (let restart = 0; restart < keepIntensity.maxRestarts; restart++) await pass(keepBackoff.maxMs);
    expect(await service.failed).toBe('nats-server does not stay up (5 restarts in 5 min): port 4222 is taken');
    await pass(keepIntensity.windowMs);
    expect(lives).toHaveLength(1);
  });

  it('forgets restarts that lie further back than the window', async () => {
    const { lives, pass } = fixture();
    for (let restart = 0; restart < 3 * keepIntensity.maxRestarts; restart++) {
      lives.at(-1)?.end();
      await pass(keepIntensity.windowMs);
    }
    expect(lives).toHaveLength(1 + 3 * keepIntensity.maxRestarts);
  });

  it('restarts one that runs in vain, once', async () => {
    const { service, lives, pass, said } = fixture();
    await Promise.all([service.restart('JetStream takes no messages'), service.restart('JetStream takes no messages')]);
    await pass(500);
    expect(lives.map(({ stops }) => stops)).toEqual([1, 0]);
    expect(said[0]).toBe('nats-server is down (JetStream takes no messages); it is started again (1 of 5)');
  });

  it('does not wait for a start that is under way when it is stopped', async () => {
    const { service, lives, pass, said, slowNext } = fixture();
    slowNext();
    lives[0]?.end();
    await pass(500);
    await service.stop();
    expect(lives).toHaveLength(1);
    expect(said).toEqual(['nats-server is down (it ended); it is started again (1 of 5)']);
  });

  it('is not started again once it was stopped, in a pause neither', async () => {
    const { service, lives, pass } = fixture();
    lives[0]?.end();
    await settle();
    await service.stop();
    await pass(keepBackoff.maxMs);
    expect(lives).toHaveLength(1);
  });
});
