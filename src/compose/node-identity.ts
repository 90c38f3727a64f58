/**
 * Identity of this process: a name that lasts as long as its data folder, and an incarnation that grows with each
 * start.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../config/index.ts';

export interface NodeIdentity {
  readonly nodeId: string;
  readonly incarnation: number;
}

export function nodeIdentity(config: Pick<Config, 'nodeId' | 'dataDir'>, nowMs: number): NodeIdentity {
  return { nodeId: config.nodeId ?? savedNodeId(config.dataDir), incarnation: nowMs };
}

/** The id from the data folder. The first start generates it, from the host name and a random suffix. */
function savedNodeId(dataDir: string): string {
  mkdirSync(dataDir, { recursive: true });
  const path = join(dataDir, 'node-id');
  try {
    const saved = readFileSync(path, 'utf8').trim();
    if (/^[A-Za-z0-9_-]{1,64}$/.test(saved)) return saved;
  } catch {
    // First start in this folder, so there is no file yet.
  }
  const host = hostname()
    .replaceAll(/[^A-Za-z0-9_-]/g, '-')
    .slice(0, 40);
  const nodeId = `${host}-${randomBytes(4).toString('hex')}`;
  writeFileSync(path, `${nodeId}\n`);
  return nodeId;
}
