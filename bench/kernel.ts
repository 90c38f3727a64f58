/**
 * Measures the actor kernel on one core: messages per second between actors, and the memory of a full mailbox and an
 * idle actor. It prints figures and asserts none: `node bench/kernel.ts`.
 */
import { performance } from 'node:perf_hooks';
import { type ActorRef, type ActorSystem, ask, createActorSystem } from '../src/kernel/index.ts';
import { createSystemClock } from '../src/adapters/system/system-clock.ts';
import { noTelemetry, silentLog } from './harness/silent.ts';

const ROUNDS = 3;

const clock = createSystemClock();
const nothing = (): void => undefined;

interface Ball {
  readonly from: ActorRef<Ball>;
}

function createSystem(): ActorSystem {
  return createActorSystem({ clock, random: Math.random, log: silentLog, telemetry: noTelemetry });
}

async function perSecond(messages: number, work: () => Promise<void>): Promise<number> {
  let best = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const startedMs = performance.now();
    await work();
    best = Math.max(best, (messages * 1_000) / (performance.now() - startedMs));
  }
  return best;
}

/** Two actors pass `inFlight` balls back and forth until `messages` have been handled. */
async function pingPong(messages: number, inFlight: number, asynchronous: boolean): Promise<void> {
  const system = createSystem();
  await new Promise<void>((resolve) => {
    let handled = 0;
    const player = (name: string): ActorRef<Ball> =>
      system.spawn<Ball>(name, {
        kind: 'player',
        mailboxCapacity: inFlight,
        start: ({ self }) => {
          const hit = (ball: Ball): void => {
            if (++handled >= messages) resolve();
            else ball.from.tell({ from: self });
          };
          return {
            receive: asynchronous
              ? async (ball) => {
                  await Promise.resolve();
                  hit(ball);
                }
              : hit,
          };
        },
      });
    const left = player('left');
    const right = player('right');
    for (let n = 0; n < inFlight; n++) left.tell({ from: right });
  });
  await system.terminate(1_000);
}

async function askInTurn(questions: number): Promise<void> {
  const system = createSystem();
  const ref = system.spawn<ActorRef<number>>('answerer', {
    kind: 'answerer',
    mailboxCapacity: 16,
    start: () => ({
      receive: (reply) => {
        reply.tell(1);
      },
    }),
  });
  for (let n = 0; n < questions; n++) {
    await ask<ActorRef<number>, number>(ref, (reply) => reply, { timeoutMs: 10_000, clock });
  }
  await system.terminate(1_000);
}

async function spawnAndStop(actors: number): Promise<void> {
  const system = createSystem();
  for (let n = 0; n < actors; n++) {
    system.spawn(`run-${n}`, {
      kind: 'run',
      mailboxCapacity: 32,
      start: (context) => {
        context.stopSelf();
        return { receive: nothing };
      },
    });
    if (n % 1_000 === 999) await new Promise((resolve) => setImmediate(resolve));
  }
  await system.terminate(60_000);
}

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

/** Offers a mailbox four times its capacity while its actor is busy. */
async function fullMailbox(capacity: number): Promise<{ accepted: number; refused: number; bytesPerMessage: number }> {
  const system = createSystem();
  let release = nothing;
  const ref = system.spawn<number>('slow', {
    kind: 'slow',
    mailboxCapacity: capacity,
    start: () => ({ receive: () => new Promise<void>((resolve) => (release = resolve)) }),
  });
  ref.tell(0);
  await new Promise((resolve) => setImmediate(resolve));
  const beforeBytes = heapBytes();
  let accepted = 0;
  for (let n = 0; n < capacity * 4; n++) if (ref.tell(n)) accepted++;
  const bytesPerMessage = (heapBytes() - beforeBytes) / capacity;
  const stopped = system.terminate(1_000);
  release();
  await stopped;
  return { accepted, refused: capacity * 4 - accepted, bytesPerMessage };
}

async function idleActorBytes(actors: number): Promise<number> {
  const system = createSystem();
  const beforeBytes = heapBytes();
  for (let n = 0; n < actors; n++) {
    system.spawn(`idle-${n}`, { kind: 'idle', mailboxCapacity: 1_024, start: () => ({ receive: nothing }) });
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
  const bytes = (heapBytes() - beforeBytes) / actors;
  await system.terminate(10_000);
  return bytes;
}

const count = (value: number): string => Math.round(value).toLocaleString('en-US').padStart(12);

console.log(
  `two actors, 1 in flight      ${count(await perSecond(1_000_000, () => pingPong(1_000_000, 1, false)))} messages/s`,
);
console.log(
  `two actors, 64 in flight     ${count(await perSecond(3_000_000, () => pingPong(3_000_000, 64, false)))} messages/s`,
);
console.log(
  `the same, async receive      ${count(await perSecond(300_000, () => pingPong(300_000, 64, true)))} messages/s`,
);
console.log(`ask, one after the other     ${count(await perSecond(100_000, () => askInTurn(100_000)))} answers/s`);
console.log(`spawn, start and stop        ${count(await perSecond(100_000, () => spawnAndStop(100_000)))} actors/s`);
const full = await fullMailbox(100_000);
console.log(`mailbox of 100,000           ${count(full.accepted)} accepted, ${full.refused} refused`);
if (globalThis.gc === undefined) console.log('memory: run with --expose-gc');
else {
  console.log(`a waiting small message      ${count(full.bytesPerMessage)} bytes`);
  console.log(`an idle actor                ${count(await idleActorBytes(20_000))} bytes`);
}
