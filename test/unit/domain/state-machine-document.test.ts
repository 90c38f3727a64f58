import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { stateMachineDocument } from '../../../src/domain/state-machine-document.ts';

it('docs/state-machine.md is in step with the table', () => {
  const path = new URL('../../../docs/state-machine.md', import.meta.url);
  expect(readFileSync(path, 'utf8')).toBe(stateMachineDocument());
});
