/** Registry, status table and page say the same: a code that is missing in one of them does not pass here. */
import { readFileSync } from 'node:fs';
import { status as grpc } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import { errorRegistry } from '../../../src/domain/errors.ts';
import { errorsDocument } from '../../../src/gateway/errors-document.ts';
import { statusTable } from '../../../src/gateway/status-mapper.ts';

const page = readFileSync(new URL('../../../docs/reference/errors.md', import.meta.url), 'utf8');

describe('the errors', () => {
  it('stand in docs/reference/errors.md as they are in the registry', () => {
    expect(page).toBe(errorsDocument());
    const rows = [...page.matchAll(/^\| `([A-Z_]+)` \| ([A-Z_]+) \|/gm)].map((match) => [match[1], match[2]]);
    expect(rows).toEqual(Object.entries(statusTable).map(([code, { status }]) => [code, grpc[status]]));
    expect(rows.map(([code]) => code)).toEqual(Object.keys(errorRegistry));
  });

  it('have reasons that google.rpc.ErrorInfo allows', () => {
    for (const code of Object.keys(errorRegistry)) expect(code).toMatch(/^[A-Z][A-Z0-9_]{1,61}[A-Z0-9]$/);
  });

  it('that clients repeat by themselves have a status that invites to it, and the time to wait', () => {
    const inviting = [grpc.UNAVAILABLE, grpc.RESOURCE_EXHAUSTED, grpc.ABORTED, grpc.DEADLINE_EXCEEDED];
    for (const [code, { retryable }] of Object.entries(errorRegistry)) {
      const mapping = statusTable[code as keyof typeof statusTable];
      expect([code, inviting.includes(mapping.status)]).toEqual([code, retryable]);
      if (retryable && code !== 'CALL_DEADLINE_EXCEEDED') expect(mapping).toHaveProperty('retryAfterMs');
    }
  });
});
