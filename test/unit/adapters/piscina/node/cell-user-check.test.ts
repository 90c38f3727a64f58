import { describe, expect, it } from 'vitest';
import { checkCellUser } from '../../../../../src/adapters/piscina/node/cell-user-check.ts';

describe('the user of cells', () => {
  it('is refused with the name of the key, unless the node is root', () => {
    const message =
      'workers.cellUid is 4711, but only root can give its cells another user, and this node runs as user 1000';
    expect(() => checkCellUser(4_711, 1_000)).toThrow(message);
    expect(() => checkCellUser(4_711, 0)).not.toThrow();
  });

  it('may be that of the node, whoever that is', () => {
    expect(() => checkCellUser(undefined, 1_000)).not.toThrow();
  });
});
