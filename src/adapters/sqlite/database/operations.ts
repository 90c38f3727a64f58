/**
 * All that the store can ask of its database, by name. An operation is synchronous, takes and returns plain data that a
 * message can carry, and knows nothing of promises, threads or time. A write is one part of a transaction.
 */
import type { DatabaseSync } from 'node:sqlite';
import { invariant } from '../../../domain/errors.ts';
import type { ClusterFacts } from '../../../application/ports/store.ts';
import { createAuditOperations } from './audit-operations.ts';
import { createCommitOperation } from './commit-operation.ts';
import { createDocumentOperations } from './document-operations.ts';
import { createFenceOperations } from './fence-operations.ts';
import { createJobReads } from './job-reads.ts';
import { createKeptOperations } from './kept-operations.ts';
import { createKeyOperations } from './key-operations.ts';
import { createPayloadOperations } from './payload-operations.ts';
import { createQueueOperations } from './queue-operations.ts';
import { createSweepOperation } from './sweep-operation.ts';

function createFactOperations(file: DatabaseSync) {
  const propose = file.prepare(
    'INSERT INTO cluster (scope, cluster_id, shard_count) VALUES (0, ?, ?) ON CONFLICT DO NOTHING',
  );
  const agreed = file.prepare('SELECT cluster_id AS clusterId, shard_count AS shardCount FROM cluster WHERE scope = 0');
  const noteMark = file.prepare('UPDATE cluster SET objects_marked = 1');
  const mark = file.prepare('SELECT 1 FROM cluster WHERE objects_marked = 1');
  return {
    writes: {
      agreeFacts({ clusterId, shardCount }: ClusterFacts): ClusterFacts {
        propose.run(clusterId, shardCount);
        return { ...(agreed.get() as unknown as ClusterFacts) };
      },
      noteObjectsMark(): void {
        invariant(noteMark.run().changes === 1, 'the facts of a cluster are agreed before its objects are marked');
      },
    },
    reads: {
      hasObjectsMark: (): boolean => mark.get() !== undefined,
    },
  };
}

export function createOperations(file: DatabaseSync) {
  const fence = createFenceOperations(file);
  const kept = createKeptOperations(file);
  const keys = createKeyOperations(file);
  const payloads = createPayloadOperations(file);
  const queues = createQueueOperations(file);
  const documents = createDocumentOperations(file);
  const audit = createAuditOperations(file);
  const groups = createCommitOperation(file);
  const facts = createFactOperations(file);
  const answers = file.prepare('SELECT 1 FROM cluster');
  const writes = {
    commit: groups.commit,
    ...fence.writes,
    ...kept.writes,
    ...keys.writes,
    ...payloads.writes,
    ...queues.writes,
    ...documents.writes,
    ...audit.writes,
    ...createSweepOperation(file),
    ...facts.writes,
  };
  const reads = {
    ...fence.reads,
    ...createJobReads(file),
    ...kept.reads,
    ...keys.reads,
    ...payloads.reads,
    ...queues.reads,
    ...documents.reads,
    ...audit.reads,
    ...facts.reads,
    ping: (): boolean => answers.get() !== undefined,
  };
  return { writes, reads, forgetRegistered: groups.forgetRegistered };
}

type Writes = ReturnType<typeof createOperations>['writes'];
type Reads = ReturnType<typeof createOperations>['reads'];

export type WriteName = keyof Writes;
export type ReadName = keyof Reads;
export type WriteArgs<N extends WriteName> = Parameters<Writes[N]>;
export type WriteResult<N extends WriteName> = ReturnType<Writes[N]>;
export type ReadArgs<N extends ReadName> = Parameters<Reads[N]>;
export type ReadResult<N extends ReadName> = ReturnType<Reads[N]>;
