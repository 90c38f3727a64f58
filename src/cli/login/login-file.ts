/**
 * What a login gave, in a file of its own for each profile. Like the file of profiles it is for its owner alone, and
 * replaced as a whole. A lock file lets one process at a time refresh it: refresh tokens are often good for one use. A
 * lock that is 30 s old belongs to a process that died, since no refresh takes that long.
 */
import { mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import { given } from '../../domain/given.ts';
import { UsageError } from '../errors/exit-code.ts';
import { fileProblem } from '../errors/file-problem.ts';
import { LoginError } from '../errors/login-error.ts';
import { readPrivate, replacePrivate } from '../profiles/private-file.ts';

const schema = z.strictObject({
  issuer: z.string(),
  clientId: z.string(),
  accessToken: z.string(),
  refreshToken: z.string().optional(),
  /** Epoch ms. */
  obtainedAtMs: z.number(),
  /** Epoch ms. Absent if the issuer does not say when the token expires. */
  expiresAtMs: z.number().optional(),
});

export interface Login {
  readonly issuer: string;
  readonly clientId: string;
  readonly accessToken: string;
  readonly refreshToken?: string;
  readonly obtainedAtMs: number;
  readonly expiresAtMs?: number;
}

const lockAgeMaxMs = 30_000;
const lockWaitMs = 40_000;
const lockLookMs = 50;

export function loginFile(profileFile: string, profile: string): string {
  return join(dirname(profileFile), 'logins', `${profile}.json`);
}

/** Undefined if there is no login. Throws UsageError. */
export function readLogin(path: string): Login | undefined {
  const text = readPrivate(path);
  if (text === undefined) return undefined;
  const content = schema.safeParse(parsedJson(text));
  if (content.success) return given(content.data) as Login;
  throw new UsageError(`${path} is no file of a login: run \`troupe login\` again`);
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function writeLogin(path: string, login: Login): void {
  replacePrivate(path, `${JSON.stringify(login)}\n`);
}

export function removeLogin(path: string): void {
  rmSync(path, { force: true });
}

/** Runs `work` while no other process does so for the same login. */
export async function alone<T>(path: string, work: () => Promise<T>): Promise<T> {
  const lock = `${path}.lock`;
  const untilMs = performance.now() + lockWaitMs;
  while (!isTaken(lock)) {
    if (performance.now() > untilMs)
      throw new LoginError(`another command has had ${lock} for too long`, 'unreachable');
    await delay(lockLookMs);
  }
  try {
    return await work();
  } finally {
    rmSync(lock, { force: true });
  }
}

function isTaken(lock: string): boolean {
  try {
    mkdirSync(dirname(lock), { recursive: true, mode: 0o700 });
    writeFileSync(lock, '', { mode: 0o600, flag: 'wx' });
    return true;
  } catch (error) {
    if (!hasCode(error, 'EEXIST')) throw fileProblem(lock, 'written', error);
  }
  // The time of the file system decides, as it made the file.
  const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
  if (age > lockAgeMaxMs) rmSync(lock, { force: true });
  return false;
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
