/** Another job queue, measured beside Troupe: the same jobs, on the same machine, in the same run. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Sample } from '../harness/statistics.ts';
import type { Teardown } from '../harness/teardown.ts';
import type { WorkloadName } from '../options.ts';
import type { OpenLoopResult } from '../workloads/open-loop.ts';
import { findBullMq } from './bullmq/bullmq-peer.ts';

export const peerNames = ['bullmq'] as const;
export type PeerName = (typeof peerNames)[number];

export interface PeerInput {
  readonly only: ReadonlySet<WorkloadName>;
  readonly quick: boolean;
  readonly threads: number;
  /** For its data. Removed afterwards. */
  readonly folder: string;
  /** Work of its start is over after this time. */
  readonly settleMs: number;
  /** Rounds of one CPU job, as Troupe had them. Undefined if W5 was not selected. */
  readonly burnRounds: number | undefined;
  readonly teardown: Teardown;
}

/** Results by workload. Absent if the workload was not selected. */
export interface PeerResults {
  readonly name: string;
  /** Versions and settings, to be printed. */
  readonly settings: string;
  /** Jobs per second. */
  readonly W1?: Sample;
  readonly W2?: Sample;
  readonly W3?: Sample;
  readonly W4?: OpenLoopResult;
  /** Time of all jobs in ms. */
  readonly W5?: Sample;
  /** Memory of its processes, servers included. */
  readonly idlePssMb: number;
}

export interface Peer {
  measure(input: PeerInput, say: (line: string) => void): Promise<PeerResults>;
}

/** Finds it, or says why it is left out. */
export async function findPeer(name: PeerName | undefined, say: (line: string) => void): Promise<Peer | undefined> {
  if (name === undefined) return undefined;
  say(`${name}: installing`);
  const found = await finders[name]();
  if (typeof found !== 'string') return found;
  say(`${name} is left out: ${found}`);
  return undefined;
}

const finders: Readonly<Record<PeerName, () => Promise<Peer | string>>> = { bullmq: findBullMq };

/** Measures it with a folder of its own. */
export async function measurePeer(
  peer: Peer,
  input: Omit<PeerInput, 'folder'>,
  say: (line: string) => void,
): Promise<PeerResults> {
  const folder = await mkdtemp(join(tmpdir(), 'troupe-bench-peer-'));
  input.teardown.add(() => rm(folder, { recursive: true, force: true, maxRetries: 3 }));
  return peer.measure({ ...input, folder }, say);
}
