import { expect, it } from 'vitest';
import { TroupeError } from '../../../src/domain/errors.ts';

it.each([
  [
    new TroupeError('UNIQUE_KEY_TAKEN', { metadata: { jobId: 'j1', state: 'QUEUED' } }),
    'another job already has this unique key: j1',
  ],
  [new TroupeError('NODE_SILENT', { metadata: { node: 'n1' } }), 'the node does not answer: n1'],
  [new TroupeError('STORE_UNAVAILABLE'), 'the store does not answer'],
  [new TroupeError('JOB_NOT_FOUND', { message: 'mine', metadata: { jobId: 'j1' } }), 'mine'],
  [
    new TroupeError('ACTOR_NOT_FOUND', { metadata: { path: '/a\n\u001B[2J' } }),
    'there is no actor at this path: /a \\x1b[2J',
  ],
])('%s', (error, message) => {
  expect(error.message).toBe(message);
  expect(TroupeError.fromWire(error.toWire()).message).toBe(message);
});

it('is bounded, whatever a caller names', () => {
  const error = new TroupeError('QUEUE_NOT_EMPTY', { metadata: { queue: 'q'.repeat(100_000) } });
  expect(error.message.length).toBeLessThan(400);
});
