/**
 * What the loop and the thread of the store say to each other. Requests and answers are flat lists, many to a message:
 * measured, that is the cheapest shape ([ADR 0046](../../../../docs/adr/0046-a-thread-owns-the-embedded-store.md)).
 */
import { given } from '../../../domain/given.ts';
import { TroupeError, type WireError } from '../../../domain/errors.ts';
import type { SchemaClimb } from '../../../application/ports/store.ts';
import type { DatabaseFileOptions } from '../database/database-file.ts';
import type { ReadName, WriteName } from '../database/operations.ts';

export type ThreadSetup = DatabaseFileOptions;

/** `id, isWrite, name, args`, once for each request. */
export type RequestBatch = readonly unknown[];
const requestCells = 4;

export interface StoreRequest {
  readonly id: number;
  readonly isWrite: boolean;
  readonly name: ReadName | WriteName;
  readonly args: readonly unknown[];
}

/** `id, isDone, value or failure`, once for each answer. */
export type AnswerBatch = readonly unknown[];
export const answerCells = 3;

/** The last message to the thread. It answers what came before, closes the file and ends. */
export const closeOrder = 'close';

export type ThreadNews =
  | { readonly kind: 'opened'; readonly schema: SchemaClimb }
  | { readonly kind: 'refused'; readonly failure: Failure }
  /** The thread answers nothing until these bytes are copied. */
  | { readonly kind: 'long-checkpoint'; readonly bytes: number }
  | { readonly kind: 'checkpoint-failed'; readonly failure: Failure };

/** An error as a message carries it. A bug is any error but ours. */
export type Failure =
  | { readonly kind: 'known'; readonly error: WireError; readonly cause: string | undefined }
  | { readonly kind: 'bug'; readonly message: string; readonly stack: string | undefined };

export function* requestsOf(batch: RequestBatch): Generator<StoreRequest, void> {
  for (let at = 0; at < batch.length; at += requestCells) {
    const [id, isWrite, name, args] = batch.slice(at, at + requestCells);
    yield {
      id: id as number,
      isWrite: isWrite as boolean,
      name: name as StoreRequest['name'],
      args: args as readonly unknown[],
    };
  }
}

export function failureOf(error: unknown): Failure {
  if (error instanceof TroupeError) {
    const cause = error.cause instanceof Error ? error.cause.message : undefined;
    return { kind: 'known', error: error.toWire(), cause };
  }
  if (error instanceof Error) return { kind: 'bug', message: error.message, stack: error.stack };
  return { kind: 'bug', message: String(error), stack: undefined };
}

export function errorOf(failure: Failure): Error {
  switch (failure.kind) {
    case 'known': {
      const { code, ...details } = failure.error;
      return new TroupeError(code, { ...details, ...given({ cause: failure.cause && new Error(failure.cause) }) });
    }
    case 'bug': {
      const error = new Error(failure.message);
      if (failure.stack !== undefined) error.stack = failure.stack;
      return error;
    }
  }
}
