/**
 * A fault in the thread that owns the embedded store, for `node --import FILE?fault=hang|throw&when=PATH`: once the file
 * at PATH exists, the next COMMIT there hangs in native code for ever, as in a sync that never returns, or the thread
 * dies in it and answers nothing more.
 */
import { existsSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';

const parameters = new URL(import.meta.url).searchParams;
const when = parameters.get('when') ?? '';
const isStoreThread =
  !isMainThread && (workerData as { readonly path?: string } | null)?.path?.endsWith('.db') === true;

if (isStoreThread) {
  const exec = DatabaseSync.prototype.exec;
  DatabaseSync.prototype.exec = function (sql) {
    if (sql === 'COMMIT' && existsSync(when)) {
      if (parameters.get('fault') === 'throw') die();
      // Nothing but the end of the process stops it.
      else exec.call(this, 'WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n');
    }
    exec.call(this, sql);
  };
}

/** The database turns what it throws into an answer, so the thread dies in its next turn. Its answers end here. */
function die(): void {
  if (parentPort !== null) parentPort.postMessage = () => undefined;
  setImmediate(() => {
    throw new Error('injected');
  });
}
