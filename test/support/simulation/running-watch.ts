/**
 * Checks with every commit that no more jobs run at a time than the default queue and each concurrency key allow. It
 * counts running code of attempts that hold their job. A decided end may not have reached the store yet, and the code
 * of an attempt that was given up as lost with its node no longer counts.
 */
import type { CommitGroup } from '../../../src/application/ports/job-store.ts';
import { defaultMaxRunningPerKey, type FlowRule } from '../../../src/domain/flow-rule.ts';
import type { JobRecord } from '../../../src/domain/job.ts';
import type { JobId } from '../../../src/domain/job-id.ts';
import { defaultQueueName, defaultTenant } from '../../../src/domain/queue.ts';
import type { Executions } from './executions.ts';
import type { World } from './world.ts';

export class RunningWatch {
  readonly #world: World;
  readonly #rule: FlowRule;
  readonly #executions: Executions;
  readonly #running = new Map<JobId, JobRecord>();

  constructor(world: World, executions: Executions, rule: FlowRule) {
    this.#world = world;
    this.#executions = executions;
    this.#rule = rule;
  }

  committed(group: CommitGroup): void {
    for (const record of group.records) {
      const { tenant, queue } = record.spec;
      if (tenant !== defaultTenant || queue !== defaultQueueName) continue;
      if (record.run === undefined) this.#running.delete(record.id);
      else this.#running.set(record.id, record);
    }
    const { maxRunning = Infinity, maxRunningPerKey = defaultMaxRunningPerKey } = this.#rule;
    const running = [...this.#running.values()].filter(({ id, run }) =>
      this.#executions.isLive(`${id}#${run?.token ?? ''}`),
    );
    this.#check('the queue', running.length, maxRunning);
    const perKey = new Map<string, number>();
    for (const { spec } of running) {
      const { concurrencyKey: key } = spec;
      if (key !== undefined) perKey.set(key, (perKey.get(key) ?? 0) + 1);
    }
    for (const [key, count] of perKey) this.#check(`key ${key}`, count, maxRunningPerKey);
  }

  #check(what: string, running: number, most: number): void {
    if (running > most) this.#world.violation(10, `${running} jobs of ${what} run, ${most} may`);
  }
}
