import { describe, expect, it } from 'vitest';
import { connect } from '../../../src/client/index.ts';
import { hostPortOf, isLoopbackHost } from '../../../src/client/target.ts';

describe('an address', () => {
  it.each([
    ['', 'must be host:port, such as 127.0.0.1:50051'],
    ['http://127.0.0.1:50051', 'is a URL: write 127.0.0.1:50051'],
    ['http://troupe.example.com/', 'is a URL: write troupe.example.com:50051'],
    ['https://troupe.example.com:443/x', 'is a URL: write troupe.example.com:443, with TLS'],
    ['troupe.example.com', 'has no port: write troupe.example.com:50051'],
    ['[::1]', 'has no port: write [::1]:50051'],
    ['::1', 'has no port: write [::1]:50051'],
    ['localhost:0', 'has a port that is not from 1 to 65535'],
    ['localhost:99999', 'has a port that is not from 1 to 65535'],
    ['localhost:', 'must be host:port, such as 127.0.0.1:50051'],
    ['a b:1:2', 'must be host:port, such as 127.0.0.1:50051'],
  ])('%j is refused, with what to write instead', (address, description) => {
    expect(() => connect({ address })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT', violations: [{ field: 'address', description }] }),
    );
  });

  it.each(['127.0.0.1:50051', 'localhost:1', '[::1]:50051', 'dns:///troupe.example.com:443', 'unix:/run/troupe.sock'])(
    '%j is one',
    (address) => {
      connect({ address }).close();
    },
  );

  it('needs no port with TLS: gRPC takes 443', () => {
    connect({ address: 'troupe.example.com', tls: {} }).close();
  });
});

it('knows this machine', () => {
  for (const host of ['localhost', 'LOCALHOST', 'a.localhost', '127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'])
    expect(isLoopbackHost(host)).toBe(true);
  for (const host of ['localhost.example.com', '128.0.0.1', '10.127.0.1', '::2', '', '127.evil.com'])
    expect(isLoopbackHost(host)).toBe(false);
  expect(hostPortOf('ipv4:127.0.0.1:5,127.0.0.2:6')).toEqual({ host: '127.0.0.1', port: 5 });
});
