// Precedence, complete reporting, refusal of the unknown, relations, frozen results.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commitGroupMax } from '../../../src/application/ports/job-store.ts';
import {
  ConfigError,
  type ConfigProblem,
  type ConfigSources,
  handlerVariables,
  loadConfig,
} from '../../../src/config/index.ts';
import { configKeys } from '../../../src/config/keys.ts';

function problemsOf(sources: ConfigSources): readonly ConfigProblem[] {
  try {
    loadConfig(sources);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('loadConfig', () => {
  it('has a default for everything', () => {
    const config = loadConfig();
    expect(config.gateway).toMatchObject({ host: '127.0.0.1', port: 50_051, insecure: false });
    expect(config.store.kind).toBe('sqlite');
    expect(config.roles).toEqual(['gateway', 'shards', 'workers']);
  });

  it('lets flags overrule the environment, that the file, that a preset, that the default', () => {
    const env = { TROUPE_GATEWAY_PORT: '3', TROUPE_HTTP_PORT: '3', TROUPE_SHARDS_COUNT: '3' };
    const config = loadConfig({
      flags: { 'gateway.port': '4', 'http.port': undefined },
      env,
      fileText: 'gateway: {port: 2}\nhttp: {port: 2}\nworkers: {cells: 2}',
      presets: { gateway: { port: 1, watchesMax: 1 }, workers: { cells: 1 } },
    });
    expect(config.gateway.port).toBe(4);
    expect(config.http.port).toBe(3);
    expect(config.workers.cells).toBe(2);
    expect(config.gateway.watchesMax).toBe(1);
    expect(config.workers.memoryMb).toBe(512);
  });

  it('reads lists, maps, booleans and numbers from the environment', () => {
    const config = loadConfig({
      env: {
        TROUPE_STORE_CASSANDRA_CONTACT_POINTS: '10.0.0.1, 10.0.0.2:9043',
        TROUPE_STORE_CASSANDRA_REPLICATION: 'eu-1=3,eu-2=2',
        TROUPE_GATEWAY_REFLECTION: 'true',
        TROUPE_NATS_REPLICAS: '3',
      },
    });
    expect(config.store.cassandra.contactPoints).toEqual(['10.0.0.1', '10.0.0.2:9043']);
    expect(config.store.cassandra.replication).toEqual({ 'eu-1': 3, 'eu-2': 2 });
    expect(config.gateway.reflection).toBe(true);
    expect(config.nats.replicas).toBe(3);
  });

  it('takes what handlers see from file, environment or flag, and names each entry that is refused', () => {
    expect(loadConfig().handlers.env).toEqual([]);
    expect(loadConfig({ fileText: 'handlers: {env: [API_URL, APP_*]}' }).handlers.env).toEqual(['API_URL', 'APP_*']);
    expect(loadConfig({ env: { TROUPE_HANDLERS_ENV: 'API_URL, APP_*' } }).handlers.env).toEqual(['API_URL', 'APP_*']);
    const problems = problemsOf({ env: { TROUPE_HANDLERS_ENV: 'OK,LD_PRELOAD,TROUPE_TOKEN,A-B' } });
    expect(problems.map(({ path, source }) => `${path} ${source}`)).toEqual(
      [1, 2, 3].map((at) => `handlers.env.${at} environment TROUPE_HANDLERS_ENV`),
    );
    expect(problems.map(({ message }) => message)).toEqual([
      '"LD_PRELOAD" is not given to handlers (LD_*): it changes what programs load',
      expect.stringMatching(/^"TROUPE_TOKEN" is not given to handlers/),
      expect.stringMatching(/^"A-B" must be a name/),
    ]);
    const tooMany = Array.from({ length: 65 }, (_, at) => `N${at}`);
    expect(loadConfig({ flags: { 'handlers.env': tooMany.slice(1) } }).handlers.env).toHaveLength(64);
    expect(problemsOf({ flags: { 'handlers.env': tooMany } })).toMatchObject([{ path: 'handlers.env' }]);
  });

  it('says it when what handlers are to see is too much', () => {
    const config = loadConfig({ flags: { 'handlers.env': ['BIG'] } });
    expect(() => handlerVariables(config, { BIG: 'x'.repeat(300_000) })).toThrow(/handlers\.env .*262144 are allowed/);
  });

  it.each(['__proto__', 'constructor', 'toString'])('takes %s for no key, and for no section', (name) => {
    const noSuchKey = { source: 'file', message: 'unknown key' };
    const fileText = JSON.stringify(Object.fromEntries([[name, { port: 7 }]]));
    expect(problemsOf({ fileText })).toEqual([{ ...noSuchKey, path: name }]);
    const inSection = `{"gateway": ${fileText}}`;
    expect(problemsOf({ fileText: inSection })).toEqual([{ ...noSuchKey, path: `gateway.${name}` }]);
  });

  it.each([
    ['store: {cassandra: {replication: {__proto__: 3}}}', 'store.cassandra.replication.__proto__'],
    ['gateway: {roles: {__proto__: [jobs.read]}}', 'gateway.roles.__proto__'],
    [
      'gateway: {issuers: [{name: corp, issuer: "https://id", audience: a, groupRoles: {__proto__: [viewer]}}]}',
      'gateway.issuers.0.groupRoles.__proto__',
    ],
  ])("refuses a word of one's own that would be lost: %s", (fileText, path) => {
    expect(problemsOf({ fileText })).toMatchObject([
      { path, message: expect.stringMatching(/^is not an allowed name/) as unknown },
    ]);
  });

  it('passes over the variables of client commands, and not over others', () => {
    const words = ['ADDRESS', 'TOKEN', 'TLS', 'CA', 'CLIENT_CERT', 'CLIENT_KEY', 'PROFILE', 'PROFILE_FILE'];
    const env = Object.fromEntries(words.map((word) => [`TROUPE_${word}`, 'x']));
    expect(problemsOf({ env })).toEqual([]);
    expect(problemsOf({ env: { TROUPE_PROFILES: 'x' } })).toHaveLength(1);
  });

  it('reads a file of JSON as well', () => {
    expect(loadConfig({ fileText: '{"gateway": {"port": 7}}' }).gateway.port).toBe(7);
    expect(loadConfig({ fileText: '' }).gateway.port).toBe(50_051);
  });

  it('reports every problem at once, with its key and who set it', () => {
    const problems = problemsOf({
      flags: { 'gateway.port': '70000', 'no.such': 1 },
      env: { TROUPE_SHARDS_COUNT: 'many', TROUPE_GATEWAY_PROT: '1' },
      fileText: 'store: {kind: mysql}\nlog: {colour: red}\nroles: [gateway, cook]\ncolour: red',
      fileName: 'troupe.config.yaml',
    });
    expect(problems.map(({ path, source }) => [path, source]).sort()).toEqual(
      [
        ['', 'environment TROUPE_GATEWAY_PROT'],
        ['', 'flag no.such'],
        ['colour', 'troupe.config.yaml'],
        ['gateway.port', 'flag gateway.port'],
        ['log.colour', 'troupe.config.yaml'],
        ['roles.1', 'troupe.config.yaml'],
        ['shards.count', 'environment TROUPE_SHARDS_COUNT'],
        ['store.kind', 'troupe.config.yaml'],
      ].sort(),
    );
  });

  it('checks relations beside broken keys, and leaves out those that speak of a broken key', () => {
    const problems = problemsOf({
      fileText: 'shards: {leaseTtlMs: 2000, leaseRenewalMs: 1000}\nshutdown: {graceMs: soon}\nroles: [cook]',
    });
    expect(problems.map(({ path }) => path).sort()).toEqual(['roles.0', 'shards.leaseTtlMs', 'shutdown.graceMs']);
  });

  it.each([
    ['shards: {leaseTtlMs: 4000, leaseRenewalMs: 2000}', 'shards.leaseTtlMs'],
    ['gateway: {payloadMaxBytes: 200000000}', 'gateway.payloadMaxBytes'],
    ['gateway: {connectionsMax: 100}', 'gateway.connectionsPerAddressMax'],
    ['store: {kind: cassandra}\nobjects: {kind: files}', 'objects.kind'],
    ['objects: {kind: s3}', 'objects.kind'],
    ['objects: {s3: {accessKeyId: a}}', 'objects.s3.accessKeyId'],
    ['encryption: {keys: aws-kms}', 'encryption.awsKms.key'],
    ['encryption: {keys: aws-kms, awsKms: {key: alias/a}}', 'encryption.awsKms.region'],
    [
      'encryption: {keys: aws-kms, awsKms: {key: "arn:aws:kms:eu-west-2:111122223333:key/a", region: eu-west-1}}',
      'encryption.awsKms.region',
    ],
    ['encryption: {awsKms: {accessKeyId: a}}', 'encryption.awsKms.accessKeyId'],
    ['encryption: {awsKms: {endpoint: "https://user:word@kms.example.com"}}', 'encryption.awsKms.endpoint'],
    ['encryption: {vault: {address: "https://word@vault.example.com"}}', 'encryption.vault.address'],
    ['objects: {s3: {endpoint: "https://s3.example.com/?a=1"}}', 'objects.s3.endpoint'],
    ['objects: {s3: {linkEndpoint: "https://s3.example.com/#a"}}', 'objects.s3.linkEndpoint'],
    ['workers: {cancelGraceMs: 21000}', 'workers.cancelGraceMs'],
    ['workers: {memoryMb: 8192}', 'workers.memoryMb'],
    ['workers: {cellRssMaxMb: 100}', 'workers.cellRssMaxMb'],
    ['workers: {memoryMb: 2048, cellRssMaxMb: 1024}', 'workers.cellRssMaxMb'],
    ['gateway: {tls: {certPath: a.pem}}', 'gateway.tls.certPath'],
    ['gateway: {operatorToken: 0123456789abcdef, operatorTokenPath: f}', 'gateway.operatorToken'],
    ['gateway: {host: 0.0.0.0, auth: none}', 'gateway.host'],
    ['gateway: {host: 0.0.0.0, insecure: true}', 'gateway.auth'],
    ['scaler: {host: 0.0.0.0}', 'scaler.host'],
    ['scaler: {tls: {certPath: a.pem}}', 'scaler.tls.certPath'],
    ['scaler: {tls: {clientCaPath: a.pem}}', 'scaler.tls.clientCaPath'],
    ['workers: {class: Large}', 'workers.class'],
    ['kubernetes: {podDeletionCost: true, podName: a}', 'kubernetes.podDeletionCost'],
    ['kubernetes: {apiUrl: "http://api"}', 'kubernetes.apiUrl'],
    ['nats: {user: a}', 'nats.user'],
    ['nats: {passwordPath: a}', 'nats.user'],
    ['nats: {followers: {signingSeedPath: a}}', 'nats.followers.signingSeedPath'],
    ['nats: {followers: {systemUser: a, systemPasswordPath: b}}', 'nats.followers.signingSeedPath'],
    ['nats: {user: a, passwordPath: b, credsPath: c}', 'nats.credsPath'],
    ['nats: {tls: {certPath: a, keyPath: b}}', 'nats.tls.certPath'],
    ['store: {cassandra: {user: a}}', 'store.cassandra.user'],
    ['store: {cassandra: {logins: [{user: a, components: [gateway], passwordPath: b}]}}', 'store.cassandra.logins'],
    [
      'store: {cassandra: {user: a, passwordPath: b, logins: [{user: a, components: [gateway], passwordPath: b}]}}',
      'store.cassandra.logins',
    ],
    [
      'store: {cassandra: {user: a, passwordPath: b, logins: [{user: c/d, components: [gateway], passwordPath: b}]}}',
      'store.cassandra.logins.0.user',
    ],
    [
      'store: {cassandra: {user: a, passwordPath: b, logins: [{user: c, components: [toString], passwordPath: b}]}}',
      'store.cassandra.logins.0.components.0',
    ],
    ['store: {cassandra: {tls: {caPath: a, certPath: b}}}', 'store.cassandra.tls.certPath'],
  ])('refuses %s', (fileText, path) => {
    expect(problemsOf({ fileText }).map((problem) => problem.path)).toEqual([path]);
  });

  it('takes another address than loopback with TLS, or when told to', () => {
    expect(
      problemsOf({ flags: { 'gateway.host': '0.0.0.0', 'gateway.insecure': true, 'gateway.auth': 'none' } }),
    ).toEqual([]);
    const tls = 'gateway: {host: 0.0.0.0, auth: none, tls: {certPath: a.pem, keyPath: b.pem}}';
    expect(problemsOf({ fileText: tls })).toEqual([]);
  });

  it('says what is wrong with a file that is no map, or no YAML', () => {
    expect(problemsOf({ fileText: '- a\n- b' })).toMatchObject([{ source: 'file', message: 'must be a map of keys' }]);
    expect(problemsOf({ fileText: 'a: [' })[0]?.message).toMatch(/neither valid YAML nor JSON/);
  });

  it('ignores what Kubernetes adds for services, and takes the short name of the broker binary', () => {
    const config = loadConfig({
      env: {
        TROUPE_GATEWAY_SERVICE_HOST: '10.0.0.1',
        TROUPE_GATEWAY_PORT: 'tcp://10.0.0.1:50051',
        TROUPE_GATEWAY_PORT_50051_TCP_ADDR: '10.0.0.1',
        TROUPE_NATS_SERVER: '/opt/nats-server',
      },
    });
    expect(config.gateway.port).toBe(50_051);
    expect(config.nats.serverPath).toBe('/opt/nats-server');
  });

  it('is frozen to the bottom', () => {
    const config = loadConfig();
    expect(Object.isFrozen(config)).toBe(true);
    expect(Object.isFrozen(config.store.cassandra.contactPoints)).toBe(true);
    expect(() => Object.assign(config.gateway, { port: 1 })).toThrow(TypeError);
  });

  it('never throws anything but a ConfigError, whatever the text', () => {
    const variables = configKeys.map((key) => key.variable);
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...variables), fc.string()), fc.string(), (env, fileText) => {
        expect(Array.isArray(problemsOf({ env, fileText }))).toBe(true);
      }),
      { numRuns: 300 },
    );
  });

  it('knows the same largest group as the store port', () => {
    const key = configKeys.find(({ path }) => path === 'shards.groupMaxRecords');
    expect(key?.defaultValue).toBe(commitGroupMax);
    expect(problemsOf({ flags: { 'shards.groupMaxRecords': commitGroupMax + 1 } })).toHaveLength(1);
  });
});

describe('the token of the operator', () => {
  it('has 16 to 512 visible characters, and is not repeated when it has not', () => {
    for (const token of ['too-short', 'has a blank in its middle', 'x'.repeat(513)]) {
      const [problem] = problemsOf({ flags: { 'gateway.operatorToken': token } });
      expect(problem).toMatchObject({ path: 'gateway.operatorToken' });
      expect(JSON.stringify(problem)).not.toContain(token);
    }
    const config = loadConfig({ flags: { 'gateway.operatorToken': 'x'.repeat(16) } });
    expect(config.gateway.operatorToken).toHaveLength(16);
  });
});
