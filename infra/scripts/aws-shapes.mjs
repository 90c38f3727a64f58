// What the AWS provider's resources look like, taken from the generated binding: attributes, which of them must be given,
// and blocks. Writes test/aws-shapes.json, against which tests check each resource of the AWS stack. The binding is half a
// gigabyte, so it is no dependency: `npm pack @cdktn/provider-aws@25.7.0`, unpack it, and name its folder here.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const [folder, ...types] = process.argv.slice(2);
if (folder === undefined || types.length === 0) {
  console.error('usage: node scripts/aws-shapes.mjs FOLDER aws_vpc aws_subnet …');
  process.exit(2);
}

/** Interfaces of a declaration file: name → the attributes by their names in terraform. */
function interfacesOf(text) {
  const found = new Map();
  for (const [, name, body] of text.matchAll(/^export interface (\w+)[^{]*\{\n([\s\S]*?)^\}/gm)) {
    const fields = [...body.matchAll(/#(\w+)\}\s*(?:\*[^/]*)*\*\/\s*readonly (\w+)(\??): ([^;{]+|\{[^}]*\})/g)];
    found.set(
      name,
      fields.map(([, attribute, , optional, type]) => ({ attribute, isRequired: optional === '', type })),
    );
  }
  return found;
}

/** `name!` must be given; a block has the shape of what is in it, an attribute the kind of its value. */
function shapeOf(interfaces, name) {
  return Object.fromEntries(
    (interfaces.get(name) ?? []).map(({ attribute, isRequired, type }) => {
      const block = [...interfaces.keys()].find((one) => new RegExp(`^${one}(\\[\\])?( |$)`).test(type.trim()));
      const kind = /^(string|number|boolean)(\[\])?/.exec(type.trim())?.[0] ?? (type.startsWith('{') ? 'map' : 'other');
      return [`${attribute}${isRequired ? '!' : ''}`, block === undefined ? kind : shapeOf(interfaces, block)];
    }),
  );
}

const read = (name) => readFileSync(join(folder, 'lib', name, 'index.d.ts'), 'utf8');
const shapes = {};
for (const type of types.toSorted()) {
  const name = type.replace(/^aws_/, '');
  const text = read(name.replaceAll('_', '-'));
  const config = /^export interface (\w+) extends cdktn\.TerraformMetaArguments/m.exec(text)?.[1];
  if (config === undefined) throw new Error(`${type}: no configuration in the binding`);
  shapes[type] = shapeOf(interfacesOf(text), config);
}
const version = /aws\/(\d+\.\d+\.\d+)\/docs/.exec(read('vpc'))?.[1];
writeFileSync(
  new URL('../test/aws-shapes.json', import.meta.url),
  `${JSON.stringify({ provider: `hashicorp/aws ${version}`, shapes })}\n`,
);
