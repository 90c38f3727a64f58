/** Runs `troupe queues …` of this checkout against a gateway. Secrets stay in the file that the environment names. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DeclaredQueues, QueueGateway } from '../config/queues.ts';

const troupe = fileURLToPath(new URL('../../../scripts/troupe.mjs', import.meta.url));

/** Exit codes of `troupe` that are handled here (`troupe --help`). */
export const exitCodes = { ok: 0, notFound: 4, refused: 5, different: 7 } as const;

/** Arguments for `process.execPath`. */
export function troupeArguments(gateway: QueueGateway, ...args: readonly string[]): readonly string[] {
  const { address, caPath, tokenFile } = gateway;
  return [
    ...[troupe, 'queues', ...args, '--address', address],
    ...(caPath === undefined ? [] : ['--ca', caPath]),
    ...(tokenFile === undefined ? [] : ['--token-file', tokenFile]),
  ];
}

/** Runs `work` with a temporary file of the declared queues. */
export function withQueueFile<T>(queues: DeclaredQueues, work: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), 'troupe-queues-'));
  try {
    const path = join(folder, 'queues.json');
    writeFileSync(path, JSON.stringify({ queues }));
    return work(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
