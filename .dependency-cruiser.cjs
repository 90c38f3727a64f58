// Who may import whom: the layers of the design as rules. Each rule has a fixture in test/architecture/fixtures that
// must fail (test/architecture/boundaries.test.ts), so a rule that silently stopped biting is found.
// Paths are matched from the start (`^src/...`), never by a suffix. Type-only imports count.
'use strict';
const path = require('node:path');

const npm = ['npm', 'npm-dev', 'npm-optional', 'npm-peer', 'npm-no-pkg', 'npm-unknown'];
/** The composition root wires everything by hand and may import everything. */
const root = '^src/(compose/|cli/(dev|processes)/)';

/** The pure part of the contract: types of messages, numbers of enums, times. Not what encodes them. */
const messages = '^src/contract/(messages|codes|time|int64)\\.ts$';

/** A driver package is known to one adapter alone (its tests, too, may talk to the real thing). */
function driver(name, packages, homes) {
  return {
    name,
    severity: 'error',
    comment: `${packages} is imported in ${homes} only.`,
    from: { path: '^src/', pathNot: homes },
    to: { path: packages },
  };
}

/** `folder` imports from the project only what `allowed` matches. */
function layer(name, folder, allowed, comment) {
  return {
    name,
    severity: 'error',
    comment,
    from: { path: folder, pathNot: root },
    // src/compose has a rule of its own, for all of src.
    to: { path: '^src/', pathNot: [allowed, '^src/compose/'] },
  };
}

module.exports = {
  forbidden: [
    {
      name: 'no-cycles-in-src',
      severity: 'error',
      comment: 'A cycle has no layer. One of types alone, too, can only be read as a whole: its files are one.',
      from: { path: '^src/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['dynamic-import'] } },
    },
    {
      name: 'rooms-have-an-order',
      severity: 'error',
      comment: 'A reader may take the rooms one after the other: none of them imports one that imports it.',
      scope: 'folder',
      from: { path: '^src/' },
      to: { circular: true },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      comment: 'A cycle has no layer. (Outside src/ one that exists in types only is no cycle when it runs.)',
      from: { path: '^(console|test|bench|examples|infra)/' },
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only', 'dynamic-import'] } },
    },
    {
      name: 'imports-resolve',
      severity: 'error',
      comment: 'What does not resolve is checked by no other rule.',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'src-needs-no-dev-package',
      severity: 'error',
      comment: 'The package must run without development dependencies, and declare what it uses.',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'src-never-imports-test',
      severity: 'error',
      comment: 'src/ knows nothing of console, test, bench, examples, scripts, infra.',
      from: { path: '^src/' },
      to: { path: '^(console|test|bench|examples|scripts|infra)/' },
    },

    layer('domain-imports-domain', '^src/domain/', '^src/domain/', 'The domain is pure.'),
    {
      name: 'domain-needs-no-package',
      severity: 'error',
      comment: 'The domain has no library and no I/O.',
      from: { path: '^src/domain/' },
      to: { dependencyTypes: [...npm, 'core'] },
    },
    layer(
      'application-imports-domain',
      '^src/application/',
      `^src/(application|domain)/|${messages}`,
      'Use cases and ports know the domain, and the messages in which nodes show themselves.',
    ),
    {
      name: 'ports-stand-alone',
      severity: 'error',
      comment: 'A port says what the application needs from outside. It needs no use case to say so.',
      from: { path: '^src/application/ports/' },
      to: { path: '^src/application/(?!ports/)' },
    },
    {
      name: 'queues-know-no-job-call',
      severity: 'error',
      comment: 'Calls about jobs use the rules of queues, never the other way round.',
      from: { path: '^src/application/(calls|protocol|storage|queues)/' },
      to: { path: '^src/application/(jobs|cluster|scaling)/' },
    },
    {
      name: 'jobs-know-no-cluster-call',
      severity: 'error',
      comment: 'Calls about nodes may read jobs, never the other way round.',
      from: { path: '^src/application/jobs/' },
      to: { path: '^src/application/(cluster|scaling)/' },
    },
    {
      name: 'application-needs-no-package',
      severity: 'error',
      comment: 'What the application needs from outside is a port (node:crypto for digests excepted).',
      from: { path: '^src/application/' },
      to: { dependencyTypes: [...npm, 'core'], pathNot: '^(node:)?crypto$' },
    },
    layer(
      'kernel-knows-no-job',
      '^src/kernel/(?!testkit/)',
      '^src/(kernel/(?!testkit/)|application/ports/runtime\\.ts$|domain/(errors|measures)\\.ts$)',
      'The kernel knows the runtime port, the error registry and the names of its measures.',
    ),
    layer(
      'testkit-knows-no-job',
      '^src/kernel/testkit/',
      '^src/(kernel/|application/ports/runtime\\.ts$|domain/(errors|measures|own-value|steady-time)\\.ts$)',
      'The test kit stands on the kernel, and needs no more than it.',
    ),
    layer(
      'supervisor-knows-no-job',
      '^src/supervisor/',
      '^src/(supervisor/|kernel/|application/ports/runtime\\.ts$|domain/errors\\.ts$)',
      'The supervisor restarts children; what they do is none of its business.',
    ),
    layer(
      'actors-import-inward',
      '^src/actors/',
      `^src/(actors|application|domain|kernel|supervisor)/|${messages}`,
      'Actors reach the world through ports.',
    ),
    {
      name: 'actors-need-no-package',
      severity: 'error',
      comment:
        'Actors and supervisors are driven in virtual time: no library, no I/O (node:crypto for digests excepted).',
      from: { path: '^src/(actors|kernel|supervisor)/' },
      to: { dependencyTypes: [...npm, 'core'], pathNot: '^(node:)?crypto$' },
    },
    layer(
      'gateway-imports-inward',
      '^src/gateway/',
      '^src/(gateway|application|domain|contract)/',
      'The edge knows use cases and ports, neither actors nor adapters.',
    ),
    {
      name: 'adapters-import-ports',
      severity: 'error',
      comment:
        'An adapter knows the ports, what all stores do alike, the domain and its own driver; never another adapter.',
      from: { path: '^src/adapters/([^/]+)/' },
      to: {
        path: '^src/',
        pathNot: [
          '^src/adapters/$1/',
          '^src/domain/',
          '^src/application/(ports/|storage/|cluster/vital-signs\\.ts$)',
          '^src/(handlers|compose)/',
        ],
      },
    },
    {
      name: 'processes-meet-in-the-protocol',
      severity: 'error',
      comment:
        'Of adapters/piscina each room runs in a process or thread of its own; what two of them share is protocol/.',
      from: { path: '^src/adapters/piscina/(node|thread|protocol)/' },
      to: { path: '^src/adapters/piscina/(node|cell|thread)/', pathNot: '^src/adapters/piscina/$1/' },
    },
    {
      name: 'cell-knows-no-node',
      severity: 'error',
      comment: 'A cell starts and inspects its threads; its parent is at the other end of the protocol.',
      from: { path: '^src/adapters/piscina/cell/' },
      to: { path: '^src/adapters/piscina/node/' },
    },
    {
      name: 'handlers-only-in-piscina',
      severity: 'error',
      comment: 'Handler code runs in threads; of the adapters only piscina knows the SDK.',
      from: { path: '^src/', pathNot: ['^src/(handlers|adapters/piscina)/', root] },
      to: { path: '^src/handlers/' },
    },
    layer(
      'handlers-import-domain',
      '^src/handlers/',
      '^src/(handlers|domain)/',
      'The handler SDK is loaded in threads, which hold no connections.',
    ),
    layer(
      'contract-imports-domain',
      '^src/contract/',
      '^src/(contract|domain)/',
      'The wire and its mapping are shared by server and client, and know neither.',
    ),
    layer(
      'client-imports-contract',
      '^src/client/',
      '^src/(client|contract|domain)/',
      'The client speaks the contract and nothing of the server.',
    ),
    layer(
      'backing-knows-no-cluster',
      '^src/backing/',
      '^src/(backing/|application/ports/runtime\\.ts$|domain/errors\\.ts$|adapters/nats/server-version\\.ts$)',
      'What finds, builds and starts a server knows nothing of what it is for.',
    ),
    layer(
      'config-imports-domain',
      '^src/config/',
      '^src/(config/|domain/|contract/word-record\\.ts$)',
      'Configuration is values.',
    ),
    layer(
      'cli-imports-edges',
      '^src/cli/',
      '^src/(cli/|config/|client/|domain/|contract/(declared-queues|declared-tenants|word-record)\\.ts$)',
      'The CLI is a client, and reads the files that infra/ writes; only `cli/dev` and `cli/processes` run a part of a cluster.',
    ),
    {
      name: 'only-dev-composes',
      severity: 'error',
      comment: 'The composition root is the top: nothing below it imports it.',
      from: { path: '^src/', pathNot: root },
      to: { path: '^src/compose/' },
    },
    layer(
      'examples-use-the-sdk',
      '^examples/',
      '^src/(handlers|client)/',
      "Samples show what a user's own project can do.",
    ),

    {
      name: 'console-stands-alone',
      severity: 'error',
      comment: 'The console runs in a browser, and knows of the cluster what its calls answer.',
      from: { path: '^console/' },
      to: { path: '^(src|test|bench|examples|scripts|infra)/' },
    },
    {
      name: 'console-needs-no-node',
      severity: 'error',
      comment: 'The console runs in a browser, which has no modules of Node.',
      from: { path: '^console/' },
      to: { dependencyTypes: ['core'] },
    },
    {
      name: 'infra-imports-contract',
      severity: 'error',
      comment: 'What is declared shares names with the code, and nothing else.',
      from: { path: '^infra/' },
      to: { path: '^(src|test|bench|scripts)/', pathNot: '^src/contract/' },
    },
    {
      name: 'cdk-in-one-file',
      severity: 'error',
      comment: 'Moving to another CDK is an edit of infra/src/cdk.ts.',
      from: { path: '^infra/src/', pathNot: '^infra/src/cdk\\.ts$' },
      to: { path: 'node_modules/(cdktf|cdktn|constructs)/' },
    },
    {
      name: 'objects-know-no-cdk',
      severity: 'error',
      comment: 'Objects of Kubernetes are values made of a configuration: also printed as YAML, without any CDK.',
      from: { path: '^infra/src/objects/' },
      to: { path: '^infra/src/(cdk\\.ts$|stacks/|local/)' },
    },
    {
      name: 'objects-need-no-io',
      severity: 'error',
      comment: 'Objects are pure: neither files nor the machine they are made on.',
      from: { path: '^infra/src/objects/' },
      to: { dependencyTypes: ['core'] },
    },

    driver('nats-in-its-adapter', 'node_modules/@nats-io/', '^src/adapters/nats/'),
    driver('cassandra-in-its-adapter', 'node_modules/cassandra-driver/', '^src/adapters/cassandra/'),
    driver('aws-in-its-adapters', 'node_modules/@(aws-sdk|smithy)/', '^src/adapters/(s3|keys)/'),
    driver('sqlite-in-its-adapter', '^(node:)?sqlite$', '^src/adapters/sqlite/'),
    driver('piscina-in-its-adapter', 'node_modules/piscina/', '^src/adapters/piscina/'),
    driver('threads-in-piscina', '^(node:)?worker_threads$', '^src/(adapters/(piscina|sqlite)|handlers)/'),
    driver('grpc-at-the-edge', 'node_modules/(@grpc/|grpc-health-check/)', '^src/(gateway|client)/'),
    driver('cache-in-gateway', 'node_modules/node-cache/', '^src/gateway/'),
    driver('metrics-in-telemetry', 'node_modules/prom-client/', '^src/adapters/telemetry/'),
    driver('traces-in-otlp', 'node_modules/@opentelemetry/', '^src/adapters/otlp/'),
    driver('logs-in-telemetry', 'node_modules/(pino|pino-pretty)/', '^src/adapters/telemetry/'),
    driver('commander-in-cli', 'node_modules/commander/', '^src/cli/'),
    driver('protobuf-json-in-contract', 'node_modules/@bufbuild/protobuf/', '^src/contract/'),
    driver('openid-client-in-login', 'node_modules/openid-client/', '^src/cli/login/'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '(^|/)test/architecture/fixtures/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: path.join(__dirname, 'tsconfig.json') },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['troupe-source', 'import', 'node', 'types', 'default'],
      extensions: ['.ts', '.tsx', '.js', '.mjs', '.cjs', '.json'],
    },
  },
};
