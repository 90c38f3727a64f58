/** Certificates and tokens in files that are replaced while the gateway serves. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCredentialFiles } from '../../src/compose/credential-files.ts';
import type { ConfigError } from '../../src/config/index.ts';
import { createAuthenticator } from '../../src/gateway/access/authenticator.ts';
import { makeCertificates } from '../support/certificates.ts';
import { realClock } from '../support/stores.ts';
import { type Edge, openEdge, openToAll } from './gateway-edge.ts';

let edge: Edge;
const folder = mkdtempSync(join(tmpdir(), 'troupe-credentials-'));
const said: string[] = [];
const shown: unknown[] = [];
const note = ({ event, paths }: Readonly<Record<string, unknown>>) => {
  said.push(String(event));
  shown.push(paths);
};
const log = { debug: note, info: note, warn: note, error: note, child: () => log, flush: () => undefined };
/** Looks at the files each 5 ms. */
const clock = { ...realClock, setTimer: (_: number, fire: () => void) => realClock.setTimer(5, fire) };
const [certPath, keyPath, tokenPath] = ['cert.pem', 'key.pem', 'token'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
];
const files = createCredentialFiles({ clock, log });
const pairs = [makeCertificates(folder, 'even'), makeCertificates(folder, 'odd')] as const;
const ofRsa = makeCertificates(folder, 'rsa', 'rsa');

beforeAll(async () => {
  edge = await openEdge();
});
afterAll(async () => {
  files.close();
  await edge.close();
  rmSync(folder, { recursive: true });
});

const refused = (): number => said.filter((event) => event === 'credential.refused').length;

/** The certificate that a new connection gets. */
async function served(port: number): Promise<string> {
  const socket = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await once(socket, 'secureConnect');
  const { raw } = socket.getPeerCertificate();
  socket.destroy();
  return new X509Certificate(raw).fingerprint256;
}

describe('the certificate of the gateway', () => {
  it('is renewed a hundred times under load without a failed call, each time with a moment of half a pair', async () => {
    copyFileSync(pairs[1].certPath, certPath);
    copyFileSync(pairs[1].keyPath, keyPath);
    const tls = files.serverTls('gateway', { certPath, keyPath });
    if (tls === undefined) throw new Error('there is no TLS');
    const { port, gateway } = await edge.openGateway({ tls });
    const ca = Buffer.concat(pairs.map(({ caPath }) => readFileSync(caPath)));
    const newClient = () =>
      edge.client({ address: `127.0.0.1:${port}`, tls: { ca }, retry: { maxAttempts: 1 }, timeoutMs: 60_000 });
    let calls = 0;
    let stop = false;
    const lasting = newClient();
    const load = [
      async () => lasting.access.whoAmI(),
      async () => {
        const fresh = newClient();
        await fresh.access.whoAmI();
        fresh.close();
      },
    ].map(async (call) => {
      for (; !stop; calls += 1) await call();
    });
    for (let rotation = 0; rotation < 100; rotation += 1) {
      const pair = pairs[rotation % 2 === 0 ? 0 : 1];
      const before = { calls, refused: refused() };
      copyFileSync(pair.certPath, certPath);
      await expect.poll(refused, { interval: 5 }).toBeGreaterThan(before.refused);
      await expect.poll(() => calls, { interval: 5 }).toBeGreaterThan(before.calls);
      copyFileSync(pair.keyPath, keyPath);
      const { fingerprint256 } = new X509Certificate(readFileSync(pair.certPath));
      await expect.poll(() => served(port), { interval: 5 }).toBe(fingerprint256);
    }
    stop = true;
    await Promise.all(load);
    expect(calls).toBeGreaterThan(100);
    await gateway.stop(100);
  });

  it('of another kind of key than before is renewed as well, and half of it is not used', async () => {
    copyFileSync(pairs[0].certPath, certPath);
    copyFileSync(pairs[0].keyPath, keyPath);
    const tls = files.serverTls('gateway', { certPath, keyPath });
    if (tls === undefined) throw new Error('there is no TLS');
    const { port, gateway } = await edge.openGateway({ tls });
    const fingerprintOf = (path: string) => new X509Certificate(readFileSync(path)).fingerprint256;
    const before = refused();
    copyFileSync(ofRsa.certPath, certPath);
    await expect.poll(refused, { interval: 5 }).toBeGreaterThan(before);
    expect(await served(port)).toBe(fingerprintOf(pairs[0].certPath));
    copyFileSync(ofRsa.keyPath, keyPath);
    await expect.poll(() => served(port), { interval: 5 }).toBe(fingerprintOf(ofRsa.certPath));
    await gateway.stop(100);
  });

  it('that cannot be read, or is none, keeps a gateway from starting, with the key of the configuration', () => {
    const wrong = (paths: { certPath: string; keyPath: string; clientCaPath?: string }): unknown => {
      try {
        return files.serverTls('gateway', paths);
      } catch (error) {
        return error;
      }
    };
    const problems = (error: unknown) => (error as ConfigError).problems.map(({ path }) => path);
    expect(problems(wrong({ certPath: join(folder, 'none'), keyPath }))).toEqual(['gateway.tls.certPath']);
    expect(problems(wrong({ certPath: pairs[0].certPath, keyPath: pairs[1].keyPath }))).toEqual(['gateway.tls']);
    expect(problems(wrong({ certPath: ofRsa.certPath, keyPath: pairs[1].keyPath }))).toEqual(['gateway.tls']);
    expect(problems(wrong({ certPath: pairs[0].keyPath, keyPath: pairs[0].keyPath }))).toEqual(['gateway.tls']);
    // Of authorities that are half written, TLS would take what it can read, and refuse the callers of the others.
    const whole = readFileSync(pairs[0].caPath, 'utf8');
    const clientCaPath = join(folder, 'authorities.pem');
    for (const text of ['', 'no certificate', whole.slice(0, 200), whole + whole.slice(0, 200)]) {
      writeFileSync(clientCaPath, text);
      expect(problems(wrong({ ...pairs[0], clientCaPath })), text).toEqual(['gateway.tls']);
    }
    writeFileSync(clientCaPath, `# ours\n${whole}\n${readFileSync(pairs[1].caPath, 'utf8')}`);
    expect(wrong({ ...pairs[0], clientCaPath })).toMatchObject({ asksCallers: true });
  });
});

describe('the authorities of callers', () => {
  /** Whether the gateway speaks with a caller who has this pair, or none; and the session of their connection. */
  async function speaks(port: number, pair?: { certPath: string; keyPath: string }, session?: Buffer) {
    const own = pair && { cert: readFileSync(pair.certPath), key: readFileSync(pair.keyPath) };
    const socket = connectTls({
      host: '127.0.0.1',
      port,
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      ...own,
      ...(session && { session }),
    });
    let last: Buffer | undefined;
    socket.on('session', (next) => (last = next));
    // A caller who is refused hears of it only after its own handshake. An HTTP/2 server begins with its settings.
    const isSpokenTo = await new Promise<boolean>((resolve) => {
      socket.once('data', () => resolve(true));
      socket.once('error', () => resolve(false)).once('close', () => resolve(false));
    });
    socket.destroy();
    return { isSpokenTo, session: last };
  }

  it('may be replaced: callers of the new ones are let in, those of the old ones no more, not even by an old session', async () => {
    const clientCaPath = join(folder, 'callers.pem');
    copyFileSync(pairs[0].caPath, clientCaPath);
    const { certPath: cert, keyPath: key } = pairs[0];
    const tls = files.serverTls('gateway', { certPath: cert, keyPath: key, clientCaPath });
    if (tls === undefined) throw new Error('there is no TLS');
    const { port, gateway } = await edge.openGateway({ tls });
    const before = await speaks(port, pairs[0]);
    expect([before.isSpokenTo, before.session]).toEqual([true, expect.any(Buffer)]);
    expect((await speaks(port, undefined, before.session)).isSpokenTo).toBe(true);
    expect((await speaks(port, pairs[1])).isSpokenTo).toBe(false);
    expect((await speaks(port)).isSpokenTo).toBe(false);
    copyFileSync(pairs[1].caPath, clientCaPath);
    await expect.poll(async () => (await speaks(port, pairs[1])).isSpokenTo, { interval: 5 }).toBe(true);
    expect((await speaks(port, pairs[0])).isSpokenTo).toBe(false);
    expect((await speaks(port, pairs[0], before.session)).isSpokenTo).toBe(false);
    expect((await speaks(port, undefined, before.session)).isSpokenTo).toBe(false);
    expect((await speaks(port)).isSpokenTo).toBe(false);
    await gateway.stop(100);
  });
});

describe('the operator token', () => {
  it('may be replaced: the new one counts, the old one does not, and a broken file changes nothing', async () => {
    writeFileSync(tokenPath, 'the-first-token-1\n');
    const operatorToken = files.operatorToken({ operatorTokenPath: tokenPath } as never);
    edge.authenticator = createAuthenticator({ operatorToken, tokens: undefined, withoutCredential: 'nothing' });
    const asks = (token: string) =>
      edge
        .client({ token })
        .access.whoAmI()
        .then(
          ({ principal }) => principal,
          (error: unknown) => (error as { code: string }).code,
        );
    expect(await asks('the-first-token-1')).toBe('operator');
    writeFileSync(tokenPath, 'the-second-token-2\n');
    await expect.poll(() => asks('the-second-token-2')).toBe('operator');
    expect(await asks('the-first-token-1')).toBe('TOKEN_INVALID');
    // A list: the log redacts a field named `token`.
    expect(shown.at(-1)).toEqual([tokenPath]);
    said.length = 0;
    writeFileSync(tokenPath, 'short');
    await expect.poll(() => said).toContain('credential.refused');
    expect(await asks('the-second-token-2')).toBe('operator');
    expect(await asks('short')).toBe('TOKEN_INVALID');
    edge.authenticator = openToAll;
  });
});
