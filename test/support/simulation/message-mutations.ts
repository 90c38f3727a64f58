/** Seeded bugs in the WORK messages: one too many, and one that nobody sends. */
import type { WorkMessage } from '../../../src/application/ports/bus.ts';
import type { Cluster } from './cluster.ts';
import { type Mutation, onPublisher } from './mutation.ts';

/** Of each cluster, the epoch of the owner that first sent a message for a job and the number of its attempts. */
const owners = new WeakMap<Cluster, Map<string, number>>();

function ownersOf(cluster: Cluster): Map<string, number> {
  const known = owners.get(cluster) ?? new Map<string, number>();
  owners.set(cluster, known);
  return known;
}

export const messageMutations: Readonly<Record<string, Mutation>> = {
  'an owner believes that the message of a former owner is there': {
    breaks: [2],
    within: 60,
    faults: ['crash'],
    change: (cluster, ports) => {
      const sentBy = ownersOf(cluster);
      onPublisher((publisher) => ({
        publishWork(message) {
          const wait = `${message.jobId}.${message.attempt}`;
          const first = sentBy.get(wait) ?? message.epoch;
          sentBy.set(wait, first);
          return first < message.epoch ? Promise.resolve() : publisher.publishWork(message);
        },
      }))(cluster, ports);
    },
  },
  'a message is repeated although its job waits for a later one': {
    breaks: [10],
    within: 20,
    faults: ['wiped bus'],
    change: onPublisher((publisher, { host }) => ({
      async publishWork(message) {
        await publisher.publishWork(message);
        // As if the confirmation were lost. A bus that was not wiped knows the id.
        await new Promise<void>((resolve) => host.clock.setTimer(host.random() * 5_000, resolve));
        await publisher.publishWork(message);
      },
    })),
  },
  'a shard looks at all jobs after a wipe as if none had been told again': {
    breaks: [10],
    within: 20,
    faults: ['wiped bus'],
    // By then what was told again is confirmed.
    change: onPublisher((publisher, { host }) => ({
      onStreamsReplaced: (listener) =>
        publisher.onStreamsReplaced((streams) => {
          host.clock.setTimer(200, () => {
            listener(streams);
          });
        }),
    })),
  },
  'each time a node with the handler comes, jobs get another message': {
    breaks: [10],
    within: 40,
    faults: ['drain', 'crash'],
    scenario: 'one worker',
    change: (cluster, ports) => {
      const { membership } = ports.bus;
      const sent = new Map<string, WorkMessage>();
      const isServed = (): boolean =>
        membership.nodes().some(({ roles, draining }) => roles.includes('workers') && !draining);
      let wasServed = true;
      membership.onChange(() => {
        const comes = !wasServed && isServed();
        wasServed = isServed();
        if (!comes) return;
        for (const [jobId, { again = 0, ...message }] of sent) {
          if (cluster.records.newest(message.jobId)?.state !== 'QUEUED') sent.delete(jobId);
          else void ports.bus.publisher.publishWork({ ...message, again: again + 1_000 }).catch(() => undefined);
        }
      });
      onPublisher((publisher) => ({
        publishWork(message) {
          sent.set(message.jobId, message);
          return publisher.publishWork(message);
        },
      }))(cluster, ports);
    },
  },
};
