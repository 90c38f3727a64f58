/**
 * W10: what one tenant feels of the flood of another. W4 of the calm tenant is measured alone, beside each kind of flood,
 * and alone again. The flood comes from this machine, too, so its own CPU is part of what is felt.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '../../src/client/index.ts';
import { withIssuer, withOperator } from '../harness/security.ts';
import { startSystem, type StoreKind } from '../harness/system.ts';
import { runTask } from '../harness/task.ts';
import type { Teardown } from '../harness/teardown.ts';
import type { FloodLoadInput, FloodLoadResult } from './flood-load.ts';
import type { OpenLoopInput, OpenLoopResult } from './open-loop.ts';
import { benchQueue } from './session.ts';
import { openLoopPerSecond, sizesOf } from './workload-sizes.ts';

export interface FloodInput {
  readonly store: StoreKind;
  readonly quick: boolean;
  readonly teardown: Teardown;
}

export interface FloodResult {
  readonly name: string;
  /** Undefined: the tenant is alone. */
  readonly flood: FloodLoadResult | undefined;
  readonly calm: OpenLoopResult;
}

interface Flood {
  readonly name: string;
  readonly callers: number;
  readonly batch: number;
  /** Quota of the flooding tenant, in submits per second. 0: none. */
  readonly quota: number;
}

const quota = 200;
const floods: readonly Flood[] = [
  { name: '64 callers', callers: 64, batch: 1, quota: 0 },
  { name: '4 callers with 500 jobs a call', callers: 4, batch: 500, quota: 0 },
  { name: `64 callers, quota of ${quota}/s`, callers: 64, batch: 1, quota },
  { name: `4 callers with 500 jobs a call, quota of ${quota}/s`, callers: 4, batch: 500, quota },
];
const [calmTenant, floodTenant] = ['calm', 'flood'];
const taskTimeoutMs = 600_000;
/** The flood begins before the measurement and ends after it. */
const leadSeconds = 4;
/** Statistics of a queue are a second old. */
const drainLookMs = 1_000;

export async function measureFloods(input: FloodInput, say: (line: string) => void): Promise<readonly FloodResult[]> {
  const { store, quick, teardown } = input;
  const folder = await mkdtemp(join(tmpdir(), 'troupe-bench-'));
  teardown.add(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  const dataDir = join(folder, 'troupe');
  await mkdir(dataDir);
  const [issuer, operator] = [await withIssuer({ teardown }), withOperator({ folder })];
  const settings = { ...issuer.settings, ...operator.settings };
  const { address, natsUrl, stop } = await startSystem({ store, dataDir, settings, teardown });
  const seconds = sizesOf(quick).openLoopSeconds;
  const run = <O>(file: string, task: object): Promise<O> =>
    runTask<O>(new URL(file, import.meta.url), task, { teardown, timeoutMs: taskTimeoutMs });

  const calmAccess = { token: await issuer.tokenOf(calmTenant) };
  const calmTask: OpenLoopInput = {
    address,
    natsUrl,
    access: calmAccess,
    tenant: calmTenant,
    perSecond: openLoopPerSecond,
    seconds,
  };
  const calmBeside = (): Promise<OpenLoopResult> => run<OpenLoopResult>('open-loop.ts', calmTask);
  const floodAccess = { token: await issuer.tokenOf(floodTenant) };
  const floodClient = connect({ address, ...floodAccess });
  const admin = connect({ address, token: operator.token });
  await floodClient.queues.create(benchQueue).finally(() => floodClient.close());
  let { etag } = await admin.tenants.create(floodTenant);

  const results: FloodResult[] = [];
  const keep = (result: FloodResult): void => {
    results.push(result);
    const { started, acknowledged } = result.calm;
    say(
      `  W10 ${result.name}: start p99 ${started.p99.toFixed(1)} ms, acknowledged p99 ${acknowledged.p99.toFixed(1)} ms`,
    );
  };
  // The first rounds of a process are slower than the rest.
  await calmBeside();
  keep({ name: 'alone', flood: undefined, calm: await calmBeside() });
  for (const flood of floods) {
    ({ etag } = await admin.tenants.update(floodTenant, etag, { quotas: { submitsPerSecond: flood.quota } }));
    const { callers, batch } = flood;
    const floodTask: FloodLoadInput = {
      address,
      access: floodAccess,
      callers,
      batch,
      seconds: seconds + 2 * leadSeconds,
    };
    const flooding = run<FloodLoadResult>('flood-load.ts', floodTask);
    const calm = await calmBeside();
    keep({ name: flood.name, flood: await flooding, calm });
    await drained();
  }
  keep({ name: 'alone again', flood: undefined, calm: await calmBeside() });
  admin.close();
  await stop();
  return results;

  /** Until nothing of the flood waits. */
  async function drained(): Promise<void> {
    const client = connect({ address, ...floodAccess });
    try {
      for (;;) {
        const { waiting, running } = await client.queues.stats(benchQueue);
        if (waiting + running === 0) return;
        await sleep(drainLookMs);
      }
    } finally {
      client.close();
    }
  }
}
