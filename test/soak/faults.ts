/**
 * The faults of a soak. Each happens to a healthy cluster, lasts for a time that chance decides, and is over when its
 * promise resolves; the run then asks how long it takes until jobs are done again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { signalPid } from '../support/cluster-node.ts';
import type { SoakStore } from './options.ts';
import type { SoakNode, SoakWorld } from './world.ts';

interface FaultScene {
  readonly world: SoakWorld;
  /** A whole number from `least` to `most`. */
  between(least: number, most: number): number;
  /** JetStream has lost what it held: subscribers may miss events of what is under way. */
  eventsLost(): void;
}

export interface Fault {
  readonly name: string;
  readonly what: string;
  readonly stores: readonly SoakStore[];
  readonly needsDisk?: boolean;
  inflict(scene: FaultScene): Promise<void>;
}

const both: readonly SoakStore[] = ['sqlite', 'cassandra'];
const onRing: readonly SoakStore[] = ['cassandra'];

function anyNode({ world, between }: FaultScene): SoakNode {
  const place = world.nodes[between(0, world.nodes.length - 1)];
  if (place === undefined) throw new Error('a soak has nodes');
  return place;
}

/** The lease of a shard lasts 6 s: what is longer costs a node its shards, what is shorter must cost nothing. */
const pastLeaseMs = [7_000, 12_000] as const;
const withinLeaseMs = [500, 4_000] as const;

export const faults: readonly Fault[] = [
  {
    name: 'node-kill',
    what: 'SIGKILL of a node, started again after up to 3 s',
    stores: both,
    async inflict(scene) {
      const place = anyNode(scene);
      await place.node.kill();
      await pause(scene.between(0, 3_000));
      await scene.world.restart(place);
    },
  },
  {
    name: 'node-stall',
    what: 'SIGSTOP of a node and its cells, past its lease',
    stores: both,
    inflict: (scene) => stall(scene, ...pastLeaseMs),
  },
  {
    name: 'node-pause',
    what: 'SIGSTOP of a node and its cells, within its lease',
    stores: both,
    inflict: (scene) => stall(scene, ...withinLeaseMs),
  },
  {
    name: 'node-restart',
    what: 'SIGTERM of a node, started again when it has ended',
    stores: both,
    async inflict(scene) {
      const place = anyNode(scene);
      await place.node.stop();
      await scene.world.restart(place);
    },
  },
  {
    name: 'cell-kill',
    what: 'SIGKILL of a process that runs handlers',
    stores: both,
    inflict(scene) {
      const [cell] = anyNode(scene).node.children();
      if (cell !== undefined) signalPid(cell, 'SIGKILL');
      return Promise.resolve();
    },
  },
  {
    name: 'bus-cut',
    what: 'a node cut off from NATS: what it sends and gets stays on the way',
    stores: both,
    async inflict(scene) {
      const { bus } = anyNode(scene);
      bus.hold('to-server');
      bus.hold('to-client');
      await pause(scene.between(1_000, 12_000));
      bus.drop();
    },
  },
  {
    name: 'bus-refused',
    what: 'NATS accepts the connections of a node and closes them',
    stores: both,
    async inflict(scene) {
      const { bus } = anyNode(scene);
      bus.refuse();
      await pause(scene.between(1_000, 12_000));
      bus.release();
    },
  },
  {
    name: 'broker-kill',
    what: 'SIGKILL of nats-server, started again on its files after up to 5 s',
    stores: both,
    async inflict({ world, between }) {
      await world.cluster.killNats();
      await pause(between(0, 5_000));
      await world.cluster.restartNats();
    },
  },
  {
    name: 'broker-stall',
    what: 'SIGSTOP of nats-server',
    stores: both,
    async inflict({ world, between }) {
      await world.cluster.freezeNats();
      await pause(between(500, 9_000));
      world.cluster.thawNats();
    },
  },
  {
    name: 'broker-wipe',
    what: 'nats-server starts again with nothing',
    stores: both,
    async inflict({ world, eventsLost }) {
      eventsLost();
      await world.cluster.wipeNats();
      eventsLost();
    },
  },
  {
    name: 'broker-power-cut',
    what: 'nats-server dies, and its disk is as it was up to 9 s before',
    stores: both,
    async inflict({ world, between, eventsLost }) {
      const copy = await world.copyBroker();
      await pause(between(500, 9_000));
      eventsLost();
      await world.powerCut(copy);
      eventsLost();
    },
  },
  {
    name: 'work-purge',
    what: 'somebody empties the stream of work',
    stores: both,
    inflict: ({ world }) => world.purgeWork(),
  },
  {
    name: 'clock-step',
    what: 'the wall clock of a node jumps up to two hours, forward or back, and is set right',
    stores: both,
    async inflict(scene) {
      const place = anyNode(scene);
      scene.world.stepClock(place, scene.between(-7_200_000, 7_200_000));
      await pause(scene.between(500, 6_000));
      scene.world.stepClock(place, 0);
    },
  },
  {
    name: 'disk-full',
    what: 'not one byte is left on the disk of everything, then there is room again',
    stores: both,
    needsDisk: true,
    async inflict({ world, between, eventsLost }) {
      if (!('fill' in world.disk)) throw new Error(world.disk.reason);
      world.disk.fill();
      await pause(between(1_000, 6_000));
      world.disk.free();
      // What JetStream could not write stays failed until it starts again (docs/operating/failure-modes.md).
      eventsLost();
      await world.cluster.killNats();
      await world.cluster.restartNats();
      await world.cassandra?.revive();
    },
  },
  {
    name: 'store-kill',
    what: 'SIGKILL of Cassandra, started again on its files',
    stores: onRing,
    async inflict({ world }) {
      await world.cassandra?.kill();
      await world.cassandra?.start();
    },
  },
  {
    name: 'store-stall',
    what: 'SIGSTOP of Cassandra',
    stores: onRing,
    async inflict({ world, between }) {
      const pid = world.cassandra?.pid() ?? 0;
      signalPid(pid, 'SIGSTOP');
      await pause(between(500, 9_000));
      signalPid(pid, 'SIGCONT');
    },
  },
  {
    name: 'store-cut',
    what: 'one node alone cut off from Cassandra: what it sends and gets stays on the way',
    stores: onRing,
    async inflict(scene) {
      const { store } = anyNode(scene);
      store?.hold('to-server');
      store?.hold('to-client');
      await pause(scene.between(1_000, 15_000));
      store?.drop();
    },
  },
  {
    name: 'store-refused',
    what: 'Cassandra accepts the connections of every node and closes them',
    stores: onRing,
    async inflict({ world, between }) {
      for (const { store } of world.nodes) store?.refuse();
      await pause(between(1_000, 15_000));
      for (const { store } of world.nodes) store?.release();
    },
  },
];

async function stall(scene: FaultScene, leastMs: number, mostMs: number): Promise<void> {
  const { node } = anyNode(scene);
  node.freeze();
  await pause(scene.between(leastMs, mostMs));
  node.thaw();
}

/** A node that said that it should be started again (70) is, as its supervisor would; other ends are a finding. */
export async function reviveEnded(world: SoakWorld): Promise<readonly string[]> {
  const ended: string[] = [];
  for (const place of world.nodes) {
    if (place.node.isAlive) continue;
    const { code, signal } = await place.node.exited;
    if (code !== 70) ended.push(`${place.name} ended with ${String(code ?? signal)}, not with 70`);
    await world.restart(place);
  }
  return ended;
}
