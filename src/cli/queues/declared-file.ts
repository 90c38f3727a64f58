/**
 * Reads a file of declared queues, or of declared tenants, in JSON or YAML: `{ queues: { NAME: settings } }`. All problems are
 * reported together, each with its path, before any call to a gateway.
 */
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';
import { z } from 'zod';
import type { DeclaredQueues, DeclaredTenants } from '../../client/index.ts';
import { declaredQueuesSchema } from '../../contract/declared-queues.ts';
import { declaredTenantsSchema } from '../../contract/declared-tenants.ts';
import { given } from '../../domain/given.ts';
import { UsageError } from '../errors/exit-code.ts';
import { fileProblem } from '../errors/file-problem.ts';
import { settingsOf } from './queue-settings.ts';

const queueFileSchema = z.strictObject({ queues: declaredQueuesSchema });
const tenantFileSchema = z.strictObject({ tenants: declaredTenantsSchema });

/** Throws UsageError if the file cannot be read or is invalid. */
export function readQueueFile(path: string): DeclaredQueues {
  return parseQueueFile(path, textOf(path));
}

/** `name` is the file's, for errors. Throws UsageError. */
export function parseQueueFile(name: string, text: string): DeclaredQueues {
  const { queues } = parseDeclared(name, text, queueFileSchema);
  return new Map(Object.entries(queues).map(([queue, read]) => [queue, settingsOf(read)]));
}

/** Throws UsageError if the file cannot be read or is invalid. */
export function readTenantFile(path: string): DeclaredTenants {
  return parseTenantFile(path, textOf(path));
}

/** `name` is the file's, for errors. Throws UsageError. */
export function parseTenantFile(name: string, text: string): DeclaredTenants {
  const { tenants } = parseDeclared(name, text, tenantFileSchema);
  return new Map(Object.entries(tenants).map(([tenant, read]) => [tenant, given(read)]));
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw fileProblem(path, 'read', error);
  }
}

function parseDeclared<T>(name: string, text: string, schema: z.ZodType<T>): T {
  let document: unknown;
  try {
    // JSON is YAML; a duplicate key is an error.
    document = parse(text);
  } catch (error) {
    throw new UsageError(`${name} is neither valid YAML nor JSON: ${messageOf(error)}`);
  }
  const { success, data, error } = schema.safeParse(document);
  if (success) return data;
  const problems = error.issues.flatMap(problemTexts).map((problem) => `\n  ${problem}`);
  throw new UsageError(`${name} is not valid:${problems.join('')}`);
}

function problemTexts(issue: z.core.$ZodIssue): readonly string[] {
  const { path, message } = issue;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${pathText([...path, key])}: unknown key`);
  }
  if (issue.code === 'invalid_key') return issue.issues.map((inner) => `${pathText(path)}: its name ${inner.message}`);
  return [`${pathText(path) || 'the document'}: ${message}`];
}

function pathText(path: readonly PropertyKey[]): string {
  return path.map(String).join('.');
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
