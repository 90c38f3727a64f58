import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { accessDocument } from '../../../../src/gateway/access/access-document.ts';

it('permissions, roles and methods stand in docs/reference/access.md as they are in the code', () => {
  const page = readFileSync(new URL('../../../../docs/reference/access.md', import.meta.url), 'utf8');
  expect(page).toBe(accessDocument());
});
