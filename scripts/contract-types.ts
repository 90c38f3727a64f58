/**
 * Makes `src/contract/*messages.ts` from `proto/troupe`: one interface per message, as the codec decodes it. A test
 * compares the files with what this makes, so they are never edited by hand. Run: `node scripts/contract-types.ts`.
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

/** 64-bit numbers: plain when encoding, an object with toNumber() when decoded. */
export type Int64 = number | { toNumber(): number };
`;

/** Beside the project's own messages: those that they hold. */
const borrowed: ReadonlySet<string> = new Set([
  '.google.rpc.Status',
  '.google.protobuf.Any',
  '.google.protobuf.Duration',
  '.google.protobuf.Timestamp',
]);

/** Files of their own; the rest is one file, which hands these on. */
const apart = [
  { proto: 'troupe/v1/jobs.proto', file: 'jobs-messages.ts', service: 'Jobs' },
  { proto: 'troupe/v1/cluster.proto', file: 'cluster-messages.ts', service: 'Cluster' },
  { proto: 'troupe/v1/queues.proto', file: 'queue-messages.ts', service: 'Queues' },
] as const;

/** File name → text. */
export function contractTypes(): Readonly<Record<string, string>> {
  const types: protobuf.Type[] = [];
  const visit = (node: protobuf.ReflectionObject): void => {
    const { fullName } = node;
    if (node instanceof protobuf.Type && (fullName.startsWith('.troupe.') || borrowed.has(fullName))) types.push(node);
    if (node instanceof protobuf.Namespace) node.nestedArray.forEach(visit);
  };
  visit(loadContractRoot());
  const files = apart.map(({ proto, file, service }) => {
    const own = types.filter(({ filename }) => filename?.endsWith(proto) === true);
    return { file, own, text: apartHead(service, own) + textOf(own) };
  });
  const rest = types.filter((type) => !files.some(({ own }) => own.includes(type)));
  const handedOn = files.map(({ file }) => `export type * from './${file}';\n`).join('');
  return {
    'messages.ts': `${head}\n${handedOn}${textOf(rest)}`,
    ...Object.fromEntries(files.map(({ file, text }) => [file, text])),
  };
}

function textOf(types: readonly protobuf.Type[]): string {
  return types.map(interfaceOf).join('');
}

function apartHead(service: string, types: readonly protobuf.Type[]): string {
  const own = new Set(types.map(({ name }) => name));
  const fields = types.flatMap((type) => type.fieldsArray);
  const used = fields.flatMap(({ resolvedType, type }) => {
    if (resolvedType instanceof protobuf.Type) return own.has(resolvedType.name) ? [] : [resolvedType.name];
    return scalars[type] === 'Int64' ? ['Int64'] : [];
  });
  const names = [...new Set(used)].sort().join(', ');
  const what = `The messages of the service ${service}. Made by scripts/contract-types.ts from proto/; do not edit.`;
  return `/** ${what} */\nimport type { ${names} } from './messages.ts';\n`;
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
