/** Measures every raw limit, each in its own process, against the servers that the system uses. */
import type { Percentiles, Sample } from '../harness/statistics.ts';
import type { StoreAddress } from '../harness/store-handle.ts';
import { runTask } from '../harness/task.ts';
import type { Teardown } from '../harness/teardown.ts';
import type { GrpcInput, GrpcLimits } from './grpc-echo.ts';
import type { JetstreamInput, JetstreamLimits } from './jetstream-publish.ts';
import type { DispatchInput } from './piscina-dispatch.ts';
import type { StoreCommitInput, StoreCommitLimits } from './store-commit.ts';

export interface RawLimits {
  readonly jetstream: JetstreamLimits;
  readonly store: StoreCommitLimits;
  readonly grpc: GrpcLimits;
  readonly piscina: { readonly tasks: Sample };
}

export interface LimitsInput {
  readonly natsUrl: string;
  readonly store: StoreAddress;
  readonly threads: number;
  readonly quick: boolean;
  readonly teardown: Teardown;
}

const timeoutMs = 300_000;

export async function measureLimits(input: LimitsInput, say: (line: string) => void): Promise<RawLimits> {
  const { natsUrl, store, threads, quick, teardown } = input;
  const runs = quick ? 1 : 3;
  const sized = (full: number): number => (quick ? full / 10 : full);
  const measure = async <O>(file: string, task: unknown): Promise<O> => {
    const startedMs = performance.now();
    const result = await runTask<O>(new URL(file, import.meta.url), task, { teardown, timeoutMs });
    say(`  limits/${file} ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
    return result;
  };
  return {
    jetstream: await measure<JetstreamLimits>('jetstream-publish.ts', {
      url: natsUrl,
      messages: sized(20_000),
      runs,
    } satisfies JetstreamInput),
    store: await measure<StoreCommitLimits>('store-commit.ts', {
      address: store,
      rows: sized(20_000),
      idleCommits: sized(200),
      runs,
    } satisfies StoreCommitInput),
    grpc: await measure<GrpcLimits>('grpc-echo.ts', {
      calls: sized(10_000),
      idleCalls: sized(400),
      runs,
    } satisfies GrpcInput),
    piscina: await measure<{ readonly tasks: Sample }>('piscina-dispatch.ts', {
      tasks: sized(50_000),
      threads,
      runs,
    } satisfies DispatchInput),
  };
}

export interface LimitRow {
  readonly name: string;
  readonly unit: string;
  readonly value: Sample | Percentiles;
}

export function limitRows({ jetstream, store, grpc, piscina }: RawLimits): readonly LimitRow[] {
  return [
    { name: 'JetStream publish of a work message, one by one', unit: 'messages/s', value: jetstream.workSingly },
    { name: 'JetStream publish of a work message, batches of 200', unit: 'messages/s', value: jetstream.workBatches },
    { name: 'JetStream publish of an event, one by one', unit: 'messages/s', value: jetstream.eventSingly },
    { name: 'JetStream publish of an event, batches of 200', unit: 'messages/s', value: jetstream.eventBatches },
    { name: 'JetStream pull and ack', unit: 'messages/s', value: jetstream.pullAndAck },
    { name: 'Group commit of 50 rows', unit: 'rows/s', value: store.groupsOf50 },
    { name: 'Group commit of 200 rows', unit: 'rows/s', value: store.groupsOf200 },
    { name: 'Group commit of 200 rows, four owners', unit: 'rows/s', value: store.groupsOf200ByFour },
    { name: 'Idle commit of one row', unit: 'ms', value: store.idleCommitMs },
    { name: 'gRPC unary echo, 64 callers', unit: 'calls/s', value: grpc.unary },
    { name: 'gRPC unary echo, one call at a time', unit: 'ms', value: grpc.idleUnaryMs },
    { name: 'gRPC bidirectional echo', unit: 'messages/s', value: grpc.stream },
    { name: 'gRPC unary echo of 64 items', unit: 'items/s', value: grpc.itemsBy64 },
    { name: 'gRPC unary echo of 500 items', unit: 'items/s', value: grpc.itemsBy500 },
    { name: 'Piscina dispatch of a no-op', unit: 'tasks/s', value: piscina.tasks },
  ];
}
