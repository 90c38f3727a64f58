/**
 * What the resources of the AWS provider look like (aws-shapes.json, by scripts/aws-shapes.mjs from the generated binding),
 * and where a resource deviates. `name!` must be given.
 */
import { readFileSync } from 'node:fs';

type Attributes = Readonly<Record<string, unknown>>;

export interface Shape {
  readonly [name: string]: string | Shape;
}
export const awsShapes = JSON.parse(readFileSync(new URL('../aws-shapes.json', import.meta.url), 'utf8')) as {
  readonly provider: string;
  readonly shapes: Readonly<Record<string, Shape>>;
};

const metaArguments = new Set(['depends_on', 'lifecycle', 'provider', '//']);

/** Where the resource is not as the provider has it. */
export function deviations(path: string, attributes: Attributes, shape: Shape): readonly string[] {
  const known = new Map(Object.entries(shape).map(([name, kind]) => [name.replace(/!$/, ''), kind]));
  const missing = Object.keys(shape).filter((name) => name.endsWith('!') && !(name.slice(0, -1) in attributes));
  return [
    ...missing.map((name) => `${path}.${name} is not given`),
    ...Object.entries(attributes).flatMap(([name, value]) => {
      if (metaArguments.has(name)) return [];
      const kind = known.get(name);
      if (kind === undefined) return [`${path}.${name} is no attribute`];
      if (typeof kind !== 'string') {
        const blocks = (Array.isArray(value) ? value : [value]) as readonly Attributes[];
        return blocks.flatMap((block, at) => deviations(`${path}.${name}[${at}]`, block, kind));
      }
      return hasKind(value, kind) ? [] : [`${path}.${name} is ${JSON.stringify(value)}, not ${kind}`];
    }),
  ];
}

function hasKind(value: unknown, kind: string): boolean {
  if (kind.endsWith('[]')) return Array.isArray(value) && value.every((one) => hasKind(one, kind.slice(0, -2)));
  if (kind === 'map') return typeof value === 'object' && value !== null && !Array.isArray(value);
  // Terraform makes a number of the text of a reference, such as the version of a launch template.
  return typeof value === kind || (typeof value === 'string' && value.startsWith('${'));
}
