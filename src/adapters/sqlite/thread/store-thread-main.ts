/**
 * Main module of the thread that owns the database file. It loads all else only once node:sqlite cannot announce any more
 * that it is experimental: users did not choose it and can do nothing about it.
 */
import { parentPort, workerData } from 'node:worker_threads';
import type { ThreadSetup } from './thread-messages.ts';

const emitWarning = process.emitWarning.bind(process);
process.emitWarning = (warning: string | Error, ...rest: unknown[]) => {
  const [given] = rest as [string | { readonly type?: string } | undefined];
  const type = typeof given === 'object' ? given.type : given;
  if (type !== 'ExperimentalWarning') Reflect.apply(emitWarning, process, [warning, ...rest]);
};
const { ownDatabase } = await import('./store-thread.ts');
if (parentPort !== null) ownDatabase(parentPort, workerData as ThreadSetup);
