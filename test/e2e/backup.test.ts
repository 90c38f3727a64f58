// The drill of docs/operating/backup-and-restore.md: a backup is taken while jobs run, everything is lost, and the backup
// goes on elsewhere on a NATS that has never heard of it.
import { execFile } from 'node:child_process';
import { copyFileSync, cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { JobDraft, JobInfo, TroupeClient } from '../../src/client/index.ts';
import { isTerminal, type JobState } from '../../src/domain/job.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { History, readLedger } from '../support/cluster-history.ts';
import { startLoad } from '../support/cluster-load.ts';

const mainFile = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
/** Past the limit under which an input is part of the record. */
const storedText = 'x'.repeat(20_000);
/** Past the limit above which a payload is a file beside the store. */
const largeText = 'x'.repeat(1_200_000);
/** Few jobs have it: each is two files. */
const isLarge = (n: number): boolean => n % 100 === 10;

let dir: string;
let first: TestCluster;
let second: TestCluster;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'troupe-drill-'));
  [first, second] = [await startCluster(), await startCluster()];
});
afterAll(async () => {
  await Promise.all([first.stop(), second.stop()]);
  rmSync(dir, { recursive: true, force: true });
});

/** Another process than those of the cluster, as a timer of the machine would run it. */
async function takeBackup(file: string): Promise<void> {
  const argv = ['--disable-warning=ExperimentalWarning', mainFile, 'backup', file];
  await promisify(execFile)(process.execPath, [...argv, '--set', `store.sqlite.path=${first.sqlitePath}`]);
}

function statesIn(file: string): ReadonlyMap<string, JobState> {
  const copy = new DatabaseSync(file, { readOnly: true });
  const rows = copy.prepare("SELECT id, record ->> '$.state' AS state FROM jobs").all();
  copy.close();
  return new Map(rows.map((row) => [String(row['id']), String(row['state']) as JobState]));
}

const ledger = (): string => join(dir, 'runs.ledger');
const gate = (): string => join(dir, 'open');
const farOff = new Date(Date.now() + 3_600_000);

/** From the hundredth on some hold their thread until the gate opens: soon all do, and the rest waits. */
function draft(n: number): JobDraft {
  if (n > 100 && n % 10 === 2) return { handler: 'test.hold', input: { gate: gate(), ledger: ledger() } };
  if (isLarge(n)) return { handler: 'test.echo', input: { n, text: largeText } };
  if (n % 10 === 0) return { handler: 'test.echo', input: { n, text: storedText } };
  if (n % 10 === 1) return { handler: 'test.echo', input: n, runAt: farOff };
  return { handler: 'test.work', input: { n, ms: 20, ledger: ledger() } };
}

/** Runs that go on for longer than any but a held one does. */
function heldThreads(): number {
  const notes = readLedger(ledger());
  const ended = new Set(notes.filter(({ what }) => what === 'end').map(({ jobId }) => jobId));
  return notes.filter(({ jobId, atMs }) => !ended.has(jobId) && atMs < Date.now() - 1_000).length;
}

interface BackedUp {
  readonly file: string;
  /** What callers had been told before the backup began: jobs by id, with their keys. */
  readonly accepted: ReadonlyMap<string, string>;
  /** Keys of jobs that were accepted when the backup had been taken. */
  readonly laterKeys: readonly string[];
  readonly ended: readonly JobInfo[];
}

/** Load on two nodes, a backup in the middle of it, then the end of everything but the backup. */
async function backUpAndLoseAll(): Promise<BackedUp> {
  const file = join(dir, 'backup.db');
  const history = new History();
  const [a, b] = [await first.startNode('a'), await first.startNode('b')];
  const clients = [a, b].map((node) => node.client({ retry: { maxAttempts: 1 } }));
  const reader = a.client();
  const load = startLoad({ clients, history, lanes: 6, gapMs: 5, draft });
  await first.waitFor('every thread is held', () => heldThreads() === 4, 60_000);
  await first.waitFor('a backlog', () => load.accepted >= 300, 60_000);
  const accepted = new Map(history.acked);
  const seen = await Promise.all([...accepted.keys()].map((id) => reader.get(id)));
  const beganMs = performance.now();
  await takeBackup(file);
  process.stderr.write(`measured: backup under load, process and all, ${Math.round(performance.now() - beganMs)} ms\n`);
  const during = new Set(history.acked.keys());
  await first.waitFor('more jobs after it', () => load.accepted >= during.size + 50, 60_000);
  await load.stop();
  expect(load.surprises).toEqual([]);
  // SIGKILL for every process, and their folders are gone, JetStream's included.
  await first.stop();
  const laterKeys = [...history.acked].filter(([id]) => !during.has(id)).map(([, key]) => key);
  const ended = seen.filter(({ state }) => isTerminal(state as JobState));
  return { file, accepted, laterKeys, ended };
}

describe('a backup of the embedded store, taken while jobs run', () => {
  it(
    'goes on elsewhere with an empty NATS: every job accepted before it reaches its one end',
    { timeout: 300_000 },
    async () => {
      const { file, accepted, laterKeys, ended } = await backUpAndLoseAll();
      const inBackup = statesIn(file);
      expect([...accepted.keys()].filter((id) => !inBackup.has(id))).toEqual([]);
      // Otherwise this drill would show little.
      expect([...new Set(inBackup.values())].sort()).toEqual(['QUEUED', 'RUNNING', 'SCHEDULED', 'SUCCEEDED']);
      const runsBefore = readLedger(ledger()).length;

      const beganMs = performance.now();
      copyFileSync(file, second.sqlitePath);
      cpSync(`${file}.objects`, `${second.sqlitePath}.objects`, { recursive: true });
      writeFileSync(gate(), '');
      const [c, d] = [await second.startNode('c'), await second.startNode('d')];
      const [client, other] = [c.client(), d.client()];
      const scheduled = [...inBackup].filter(([, state]) => state === 'SCHEDULED').map(([id]) => id);
      for (const id of scheduled) await client.reschedule(id, 'now');
      const history = new History();
      for (const id of inBackup.keys()) {
        history.accepted(id, accepted.get(id) ?? id);
        history.saw('get', await client.wait(id, { signal: AbortSignal.timeout(60_000) }));
        for (const reader of [client, other]) history.saw('final', await reader.get(id));
      }
      process.stderr.write(
        `measured: all ${inBackup.size} jobs ended ${Math.round(performance.now() - beganMs)} ms after\n`,
      );

      // What had ended stays as callers saw it, and runs no more; what had not ends in one execution.
      for (const job of ended) history.saw('get', job);
      expect(history.check()).toEqual([]);
      const ends = Map.groupBy(
        readLedger(ledger())
          .slice(runsBefore)
          .filter(({ what }) => what === 'end'),
        ({ jobId }) => jobId,
      );
      const wrong = [...ends].filter(([id, runs]) => runs.length !== 1 || isTerminal(inBackup.get(id) ?? 'QUEUED'));
      expect(wrong).toEqual([]);
      expect(ends.size).toBeGreaterThan(20);
      const withKey = (key: string): string => [...accepted].find(([, one]) => one === key)?.[0] ?? '';
      expect((await client.get(withKey('job-10'))).output).toEqual({ n: 10, text: largeText });
      expect((await client.get(withKey('job-20'))).output).toEqual({ n: 20, text: storedText });

      // Callers that send all again under its key lose nothing: known jobs are known, later ones are made anew.
      for (const [id, key] of [...accepted].slice(0, 20)) expect(await again(client, key)).toEqual([id, true]);
      for (const key of laterKeys.slice(0, 20)) expect((await again(client, key))[1]).toBe(false);
    },
  );
});

async function again(client: TroupeClient, key: string): Promise<readonly [string, boolean]> {
  const { handler, input, ...more } = draft(Number(key.replace('job-', '')));
  const { jobId, duplicate } = await client.submit(handler, input, { ...more, idempotencyKey: key });
  return [jobId, duplicate];
}
