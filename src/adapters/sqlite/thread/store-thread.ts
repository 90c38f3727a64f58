/** Owns the database file. Nothing else in the process touches it. */
import { flushCompileCache } from 'node:module';
import { type MessagePort, receiveMessageOnPort, type Transferable } from 'node:worker_threads';
import { Database } from '../database/database.ts';
import { Checkpoints } from './checkpoints.ts';
import { type Answer, RequestOrder } from './request-order.ts';
import {
  closeOrder,
  failureOf,
  type RequestBatch,
  requestsOf,
  type ThreadNews,
  type ThreadSetup,
} from './thread-messages.ts';

export function ownDatabase(port: MessagePort, setup: ThreadSetup): void {
  const tell = (news: ThreadNews): void => {
    port.postMessage(news);
  };
  let database: Database;
  try {
    database = new Database(setup);
  } catch (error) {
    tell({ kind: 'refused', failure: failureOf(error) });
    return;
  }
  serve(port, database, tell);
  tell({ kind: 'opened', schema: database.schema });
  // Now, because a killed process writes nothing at its end.
  flushCompileCache();
}

function serve(port: MessagePort, database: Database, tell: (news: ThreadNews) => void): void {
  let isClosing = false;
  let retry: NodeJS.Timeout | undefined;
  const checkpoints = new Checkpoints({
    checkpoint: () => database.checkpoint(),
    onLong: (bytes) => tell({ kind: 'long-checkpoint', bytes }),
    onFailed: (error) => tell({ kind: 'checkpoint-failed', failure: failureOf(error) }),
  });
  const order = new RequestOrder({
    database,
    checkpoints,
    nowMs: () => performance.now(),
    random: () => Math.random(),
    arrivals() {
      for (let next = receiveMessageOnPort(port); next !== undefined; next = receiveMessageOnPort(port)) {
        take(next.message);
      }
    },
    answer(answers) {
      sendAnswers(port, answers);
    },
  });
  const take = (message: unknown): void => {
    if (message === closeOrder) isClosing = true;
    else for (const request of requestsOf(message as RequestBatch)) order.add(request);
  };
  const work = (): void => {
    clearTimeout(retry);
    const againInMs = order.run();
    if (isClosing) {
      order.close();
      checkpoints.foretell();
      database.close();
      port.close();
    } else if (againInMs !== undefined) {
      retry = setTimeout(work, againInMs);
    }
  };
  port.on('message', (message: unknown) => {
    take(message);
    work();
  });
}

/** Bytes are moved and not copied if they own their memory. */
function sendAnswers(port: MessagePort, answers: readonly Answer[]): void {
  const cells: unknown[] = [];
  const moved: Transferable[] = [];
  for (const { id, outcome } of answers) {
    if ('error' in outcome) {
      cells.push(id, false, failureOf(outcome.error));
      continue;
    }
    const { value } = outcome;
    const bytes = value instanceof Uint8Array ? ownBytes(value) : undefined;
    if (bytes !== undefined) moved.push(bytes.buffer);
    cells.push(id, true, bytes ?? value);
  }
  port.postMessage(cells, moved);
}

/** A view of shared memory would take all of it along. */
function ownBytes(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer } = bytes;
  const isOwner = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.byteLength;
  return isOwner ? new Uint8Array(buffer) : new Uint8Array(bytes);
}
