// What the errors of a Cassandra mean for a schema that another process is creating.
import { errors, types } from 'cassandra-driver';
import { describe, expect, it } from 'vitest';
import { isUnknownName, translateCassandraError } from '../../../../src/adapters/cassandra/cassandra-error.ts';

const { invalid, serverError } = types.responseErrorCodes;
const creating = 'java.lang.IllegalArgumentException: Unknown CF ad380431-d265-8a4d-8e56-346320b04ff4';

describe('a table that the server does not know yet', () => {
  it.each([
    ['it says so', invalid, 'table schema_migrations does not exist', true],
    ['it is creating the table', serverError, creating, true],
    ['it has another fault', serverError, 'java.lang.OutOfMemoryError', false],
  ])('%s', (_, code, message, isUnknown) => {
    const error = new errors.ResponseError(code, message);
    expect(isUnknownName(error)).toBe(isUnknown);
    expect(isUnknownName(translateCassandraError(error, 'read'))).toBe(isUnknown);
  });
});
