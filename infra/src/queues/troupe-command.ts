/** Runs `troupe queues …` and `troupe tenants …` of this checkout against a gateway. Secrets stay in the file that the environment names. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { QueueGateway } from '../config/queues.ts';

const troupe = fileURLToPath(new URL('../../../scripts/troupe.mjs', import.meta.url));

/** Exit codes of `troupe` that are handled here (`troupe --help`). */
export const exitCodes = { ok: 0, notFound: 4, refused: 5, different: 7 } as const;

/** What can be declared in a file. */
export type Kind = 'queues' | 'tenants';

/** Arguments for `process.execPath`. */
export function troupeArguments(gateway: QueueGateway, kind: Kind, ...args: readonly string[]): readonly string[] {
  const { address, caPath, tokenFile } = gateway;
  return [
    ...[troupe, kind, ...args, '--address', address],
    ...(caPath === undefined ? [] : ['--ca', caPath]),
    ...(tokenFile === undefined ? [] : ['--token-file', tokenFile]),
  ];
}

/** Runs `work` with a temporary file of what is declared. */
export function withDeclaredFile<T>(kind: Kind, declared: object, work: (path: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), `troupe-${kind}-`));
  try {
    const path = join(folder, `${kind}.json`);
    writeFileSync(path, JSON.stringify({ [kind]: declared }));
    return work(path);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
