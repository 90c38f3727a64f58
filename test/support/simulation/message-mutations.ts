/** Seeded bugs in the WORK messages: one too many, and one that nobody sends. */
import type { WorkMessage } from '../../../src/application/ports/bus.ts';
import { believe, type Mutation, onPublisher, onStore, writtenAtOnce } from './mutation.ts';

export const messageMutations: Readonly<Record<string, Mutation>> = {
  'a recovery goes by when a job became ready, not by when it began to wait': {
    breaks: [2],
    within: 300,
    faults: ['crash'],
    // A job that was released keeps the time at which it became ready.
    change: (cluster, ports) => {
      // Nothing else may repair it: neither a check of the stream, nor a watermark that stays behind the disk of the
      // bus.
      onPublisher((publisher, given) => ({
        ...believe(),
        ...writtenAtOnce(publisher, given),
        // Long enough that something can happen between the record and its message.
        publishWork: (message) =>
          new Promise((resolve, reject) => {
            given.host.clock.setTimer(given.host.random() * 1_500, () => {
              publisher.publishWork(message).then(resolve, reject);
            });
          }),
      }))(cluster, ports);
      onStore((jobs) => ({
        async *readBucket(partition) {
          for await (const record of jobs.readBucket(partition)) {
            yield record.state === 'QUEUED' ? { ...record, updatedAtMs: record.readyAtMs } : record;
          }
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
