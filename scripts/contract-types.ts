/**
 * Generates `src/contract/*messages.ts` and `src/contract/codes.ts` from `proto/troupe`: one interface per message, as
 * the codec decodes it, the methods of each service, and the numbers of each enum. Do not edit these files; a test
 * compares them with the output of this script. Run: `node scripts/contract-types.ts`.
 */
import { writeFileSync } from 'node:fs';
import protobuf from 'protobufjs';
import { loadContractRoot } from '../src/contract/root.ts';

const scalars: Readonly<Record<string, string>> = {
  string: 'string',
  bytes: 'Uint8Array',
  bool: 'boolean',
  double: 'number',
  int32: 'number',
  uint32: 'number',
  int64: 'Int64',
};

const head = `/**
 * The messages of the contract as the codec decodes them. Made by scripts/contract-types.ts from proto/; do not edit.
 * An absent message is null; of a oneof only the member that is set is an own property.
 */
`;

const sharedFile = 'shared-messages.ts';

const sharedHead = `/** The messages that several services use. Made by scripts/contract-types.ts from proto/; do not edit. */

/** 64-bit numbers: plain when encoding, an object with toNumber() when decoded. */
export type Int64 = number | { toNumber(): number };
`;

const codesHead = `/**
 * The numbers of the contract's enums for the words used inside. Made by scripts/contract-types.ts from proto/; do not
 * edit. A mapper compiles only while the domain and the contract have the same words.
 */
`;

/** Enums whose words are written in capitals inside. All others are written like-this. */
const inCapitals: ReadonlySet<string> = new Set(['JobState', 'FailureReason', 'WaitingReason', 'TenantState']);

/** As in .prettierrc. */
const lineMax = 120;

/** Foreign messages that the project's own messages contain. */
const borrowed: ReadonlySet<string> = new Set([
  '.google.rpc.Status',
  '.google.protobuf.Any',
  '.google.protobuf.Duration',
  '.google.protobuf.FieldMask',
  '.google.protobuf.Timestamp',
]);

/**
 * Messages with a file per service. Messages that several services use are in another file. `messages.ts` exports them
 * all.
 */
const apart = [
  { proto: 'troupe/v1/jobs.proto', file: 'jobs-messages.ts', service: 'Jobs' },
  { proto: 'troupe/v1/cluster.proto', file: 'cluster-messages.ts', service: 'Cluster' },
  { proto: 'troupe/v1/queues.proto', file: 'queue-messages.ts', service: 'Queues' },
  { proto: 'troupe/v1/access.proto', file: 'access-messages.ts', service: 'Access' },
  { proto: 'troupe/v1/tenants.proto', file: 'tenant-messages.ts', service: 'Tenants' },
  { proto: 'troupe/v1/audit.proto', file: 'audit-messages.ts', service: 'Audit' },
  { proto: 'troupe/v1/events.proto', file: 'event-messages.ts', service: 'Events' },
] as const;

/** File contents by name. */
export function contractTypes(): Readonly<Record<string, string>> {
  const root = loadContractRoot();
  const types: protobuf.Type[] = [];
  const enums: protobuf.Enum[] = [];
  const visit = (node: protobuf.ReflectionObject): void => {
    const { fullName } = node;
    // What options of methods are made of is in no message.
    if (node.filename?.endsWith('method_access.proto') === true) return;
    if (node instanceof protobuf.Enum && fullName.startsWith('.troupe.')) enums.push(node);
    if (node instanceof protobuf.Type && (fullName.startsWith('.troupe.') || borrowed.has(fullName))) types.push(node);
    if (node instanceof protobuf.Namespace) node.nestedArray.forEach(visit);
  };
  visit(root);
  const fileOf = (type: protobuf.Type): string =>
    apart.find(({ proto }) => type.filename?.endsWith(proto) === true)?.file ?? sharedFile;
  const files = apart.map(({ file, service }) => {
    const own = types.filter((type) => fileOf(type) === file);
    const methods = methodsOf(root.lookupService(`troupe.v1.${service}`));
    return { file, own, text: apartHead(service, own, fileOf) + textOf(own) + methods };
  });
  const rest = types.filter((type) => !files.some(({ own }) => own.includes(type)));
  const exported = [...files.map(({ file }) => file), sharedFile];
  return {
    'messages.ts': `${head}${exported.map((file) => `export type * from './${file}';\n`).join('')}`,
    [sharedFile]: sharedHead + textOf(rest),
    'codes.ts': codesHead + enums.map(codesOf).join(''),
    ...Object.fromEntries(files.map(({ file, text }) => [file, text])),
  };
}

function textOf(types: readonly protobuf.Type[]): string {
  return types.map(interfaceOf).join('');
}

function apartHead(service: string, own: readonly protobuf.Type[], fileOf: (type: protobuf.Type) => string): string {
  const used = new Map<string, Set<string>>();
  const use = (file: string, name: string): void => void used.set(file, (used.get(file) ?? new Set()).add(name));
  for (const { resolvedType, type } of own.flatMap(({ fieldsArray }) => fieldsArray)) {
    if (scalars[type] === 'Int64') use(sharedFile, 'Int64');
    if (resolvedType instanceof protobuf.Type && !own.includes(resolvedType))
      use(fileOf(resolvedType), resolvedType.name);
  }
  const imports = [...used]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([file, names]) => `import type { ${[...names].sort().join(', ')} } from './${file}';\n`);
  const what = `The messages of the service ${service}. Made by scripts/contract-types.ts from proto/; do not edit.`;
  return `/** ${what} */\n${imports.join('')}`;
}

/** The methods of a service, each with its request and its response. */
function methodsOf({ name, methodsArray }: protobuf.Service): string {
  const members = methodsArray.map(
    ({ name: method, resolvedRequestType: request, resolvedResponseType: response }) =>
      `  readonly ${method}: readonly [${request?.name}, ${response?.name}];\n`,
  );
  return `\n/** Request and response of each method. */\nexport interface ${name}Methods {\n${members.join('')}}\n`;
}

/** Values carry the name of their enum, and 0 means that none is set. */
function codesOf({ name, values }: protobuf.Enum): string {
  const prefix = `${name.replaceAll(/(?<=.)[A-Z]/g, '_$&').toUpperCase()}_`;
  const members = Object.entries(values).flatMap(([value, code]) => {
    if (code === 0) return [];
    const rest = value.slice(prefix.length);
    const word = inCapitals.has(name) ? rest : rest.toLowerCase().replaceAll('_', '-');
    return [`${word.includes('-') ? `'${word}'` : word}: ${code}`];
  });
  const textOfAll = (open: string, between: string, close: string): string =>
    `\nexport const ${name[0]?.toLowerCase()}${name.slice(1)}Codes = {${open}${members.join(between)}${close}} as const;\n`;
  const line = textOfAll(' ', ', ', ' ');
  return line.length <= lineMax + 2 ? line : textOfAll('\n  ', ',\n  ', ',\n');
}

function interfaceOf(type: protobuf.Type): string {
  if (type.fieldsArray.length === 0) return `\nexport type ${type.name} = Readonly<Record<string, never>>;\n`;
  const oneofs = type.oneofsArray.filter((oneof) => !oneof.name.startsWith('_'));
  const names = oneofs.map((oneof) => {
    const members = oneof.fieldsArray.map((field) => `'${field.name}'`).join(' | ');
    return `  readonly ${oneof.name}?: ${members};\n`;
  });
  return `\nexport interface ${type.name} {\n${type.fieldsArray.map(memberOf).join('')}${names.join('')}}\n`;
}

function memberOf(field: protobuf.Field): string {
  const resolved = field.resolvedType instanceof protobuf.Type ? field.resolvedType.name : undefined;
  const base = resolved ?? scalars[field.type] ?? (field.resolvedType ? 'number' : undefined);
  if (base === undefined) throw new Error(`no TypeScript type for ${field.type}`);
  if (field instanceof protobuf.MapField) return `  readonly ${field.name}: Readonly<Record<string, ${base}>>;\n`;
  if (field.repeated) return `  readonly ${field.name}: readonly ${base}[];\n`;
  if (field.partOf && !field.partOf.name.startsWith('_')) return `  readonly ${field.name}?: ${base};\n`;
  const nullable = resolved !== undefined || field.partOf !== null;
  return `  readonly ${field.name}: ${base}${nullable ? ' | null' : ''};\n`;
}

if (import.meta.main) {
  for (const [file, text] of Object.entries(contractTypes())) {
    writeFileSync(new URL(`../src/contract/${file}`, import.meta.url), text);
  }
}
