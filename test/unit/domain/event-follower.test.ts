import { describe, expect, it } from 'vitest';
import {
  followerPermissions,
  followerUser,
  parseFollowerUser,
  sharedWithFollowers,
} from '../../../src/domain/event-follower.ts';

const followed = { consumer: 'acme=billing=m', apiPrefix: 'troupe.api', inboxPrefix: '_INBOX_m' };

describe('the login of a follower', () => {
  it('may ask for, look at and acknowledge one consumer, and hear its own answers', () => {
    expect(followerPermissions({ ...followed, streams: ['E'] })).toEqual({
      publish: [
        'troupe.api.CONSUMER.MSG.NEXT.E.acme=billing=m',
        'troupe.api.CONSUMER.INFO.E.acme=billing=m',
        '$JS.ACK.E.acme=billing=m.*.*.*.*.*',
        '$JS.ACK.*.*.E.acme=billing=m.*.*.*.*.>',
      ],
      subscribe: ['_INBOX_m.>'],
    });
  });

  it('is never without a restriction, which is what NATS makes of an empty list', () => {
    expect(() => followerPermissions({ ...followed, streams: [] })).toThrow();
  });

  it('finds each of its subjects in what its account gets', () => {
    const streams = ['E', 'E_1'];
    const { publish } = followerPermissions({ ...followed, streams });
    const lent = sharedWithFollowers(streams, { apiPrefix: 'troupe.api', consumer: followed.consumer });
    expect(lent.map(({ to }) => to)).toEqual(publish);
    expect(lent.every(({ subject }) => /^\$JS\.(API\.CONSUMER\.(MSG\.NEXT|INFO)|ACK)\./u.test(subject))).toBe(true);
  });
});

describe('the user of a follower', () => {
  it.each([
    { tenant: 'acme', subscription: 'billing' },
    { tenant: 'acme', subscription: 'billing', keyId: '0123456789abcde' },
    { tenant: '__proto__', subscription: 'toString', keyId: 'constructor' },
  ])('says what it is: %j', (user) => {
    expect(parseFollowerUser(followerUser(user))).toEqual(user);
  });

  it.each([
    '',
    '.',
    'acme',
    'acme.',
    '.billing',
    'acme.*',
    '>',
    'acme.>',
    'a.b.c.d',
    'a b.c',
    'acme.b.k-1',
    'a.b.',
    'a=b.c',
  ])('is not %j', (text) => {
    expect(parseFollowerUser(text)).toBeUndefined();
  });
});
