/**
 * Measures what observation costs a node: recording the counters of 10,000 actors (every two seconds), and building the
 * whole tree (on request). It prints medians and asserts none: `node bench/tree.ts`.
 */
import { performance } from 'node:perf_hooks';
import { ActivityMeter } from '../src/actors/node/activity-meter.ts';
import { actorRows, boundedTree } from '../src/actors/node/actor-rows.ts';
import { type ActorSystem, createActorSystem } from '../src/kernel/index.ts';
import { createSystemClock } from '../src/adapters/system/system-clock.ts';
import { noTelemetry, silentLog } from './harness/silent.ts';

const actors = 10_000;
const rounds = 21;
const nothing = (): void => undefined;
const node = {
  id: 'n1',
  incarnation: 1,
  state: 1,
  roles: ['workers'],
  version: '1.0.0',
  startTime: null,
  slotsTotal: 2,
  slotsFree: 2,
  runs: 0,
  handlers: [],
  shards: 0,
  eventLoopUtilization: 0,
  rssBytes: 0,
  machineLoad: 0,
  workerClass: '',
};

function medianMs(work: () => void): number {
  const times = Array.from({ length: rounds }, () => {
    const beganMs = performance.now();
    work();
    return performance.now() - beganMs;
  });
  return times.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
}

async function manyActors(): Promise<ActorSystem> {
  const system = createActorSystem({
    clock: createSystemClock(),
    random: Math.random,
    log: silentLog,
    telemetry: noTelemetry,
  });
  for (let n = 0; n < actors; n += 1) {
    system.spawn(`queue-${n}`, { kind: 'puller', mailboxCapacity: 16, start: () => ({ receive: nothing }) });
  }
  while (system.tree().some(({ state }) => state !== 'running')) await new Promise((resolve) => setImmediate(resolve));
  return system;
}

const system = await manyActors();
const meter = new ActivityMeter();
const markMs = medianMs(() => {
  meter.mark(system.tree(), performance.now());
});
const treeMs = medianMs(() => {
  const nowMs = performance.now();
  const activityOf = (actor: ReturnType<ActorSystem['tree']>[number]) => meter.activityOf(actor, nowMs);
  const no = { cells: [], runs: [], outages: [], heldFor: () => undefined };
  const sources = { ...no, tree: system.tree(), node, nowMs, activityOf };
  boundedTree(actorRows(sources), '/');
});
console.log(`counters of ${actors} actors noted   ${markMs.toFixed(1)} ms`);
console.log(`their whole tree put together     ${treeMs.toFixed(1)} ms`);
await system.terminate(10_000);
