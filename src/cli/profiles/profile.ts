/**
 * Profiles: named settings with which client commands reach a gateway, and the one that is current. They come from a
 * file in YAML. Its problems are reported together, each with its line, and never with a value: it may be a token.
 */
import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument, visit } from 'yaml';
import { z } from 'zod';
import { given } from '../../domain/given.ts';
import { UsageError } from '../errors/exit-code.ts';
import { wordRecord } from '../../contract/word-record.ts';

const word = z.string('must be a text').min(1, 'must not be empty');

/** The name of a profile is also a word of the command line. */
export const profileName = z
  .string()
  .regex(/^[A-Za-z0-9][\w.-]{0,62}$/, 'must be 1 to 63 letters, digits, dots, dashes and underscores');

const settings = z.strictObject({
  address: word.optional(),
  tls: z.boolean('must be true or false').optional(),
  ca: word.optional(),
  clientCert: word.optional(),
  clientKey: word.optional(),
  token: word.optional(),
  tokenFile: word.optional(),
  issuer: word.optional(),
  clientId: word.optional(),
  scope: word.optional(),
  audience: word.optional(),
});

export type ProfileKey = keyof typeof settings.shape;

export const profileKeys = Object.keys(settings.shape) as readonly ProfileKey[];

/** Values of these are paths. */
export const pathKeys: ReadonlySet<ProfileKey> = new Set(['ca', 'clientCert', 'clientKey', 'tokenFile']);

export type Profile = { readonly [K in ProfileKey]?: Exclude<z.output<typeof settings>[K], undefined> };

export interface Profiles {
  readonly current: string | undefined;
  readonly named: ReadonlyMap<string, Profile>;
}

const fileSchema = z.strictObject({
  current: profileName.optional(),
  profiles: wordRecord(
    profileName,
    settings.nullable().transform((profile) => profile ?? {}),
  )
    .nullish()
    .transform((profiles) => profiles ?? {}),
});

/** `name` is the file's, for errors. An empty file has no profiles. Throws UsageError. */
export function parseProfiles(name: string, text: string): Profiles {
  const { document, lines } = parsed(name, text);
  const content: unknown = document.toJS() ?? {};
  const { success, data, error } = fileSchema.safeParse(content);
  if (!success) {
    const problems = error.issues.flatMap((issue) => problemsOf(issue, document, lines));
    throw new UsageError(`${name} is not valid:${problems.map((problem) => `\n  ${problem}`).join('')}`);
  }
  const named = new Map(Object.entries(data.profiles).map(([key, profile]) => [key, given(profile)]));
  if (data.current !== undefined && !named.has(data.current)) {
    throw new UsageError(
      `${name} is not valid:\n  line ${lineOf(['current'], document, lines)}: current: ${unknownProfile(data.current, named)}`,
    );
  }
  return { current: data.current, named };
}

/** What is wrong with a name that no profile has, and which names there are. */
export function unknownProfile(name: string, named: Profiles['named']): string {
  const all = [...named.keys()].join(', ');
  return `there is no profile ${name}; ${all === '' ? 'there are none' : `there are: ${all}`}`;
}

/** The document keeps the comments of the file, so that a changed file has them still. Throws UsageError. */
export function documentOf(name: string, text: string): Document.Parsed {
  return parsed(name, text).document;
}

function parsed(name: string, text: string): { readonly document: Document.Parsed; readonly lines: LineCounter } {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, logLevel: 'silent' });
  // Messages of the parser may quote the file, and so would the one about an alias.
  const at = (offset: number, what: string): UsageError =>
    new UsageError(`${name} is not valid YAML: line ${lines.linePos(offset).line}: ${what}`);
  const [problem] = document.errors;
  if (problem !== undefined) throw at(problem.pos[0], problem.code);
  visit(document, {
    Alias: (_key, { range }) => {
      throw at(range?.[0] ?? 0, 'aliases are not allowed: a text that begins with * needs quotes');
    },
  });
  return { document, lines };
}

function problemsOf(issue: z.core.$ZodIssue, document: Document.Parsed, lines: LineCounter): readonly string[] {
  const { path } = issue;
  const said = (at: readonly PropertyKey[], what: string): string =>
    `line ${lineOf(at, document, lines)}: ${at.map(String).join('.') || 'the document'}: ${what}`;
  if (issue.code === 'unrecognized_keys') {
    const known = path.length === 0 ? Object.keys(fileSchema.shape) : profileKeys;
    return issue.keys.map((key) => said([...path, key], `unknown key; there are: ${known.join(', ')}`));
  }
  if (issue.code === 'invalid_key') return issue.issues.map(({ message }) => said(path, `its name ${message}`));
  return [
    said(
      path,
      issue.code === 'invalid_type' && issue.expected !== 'string' && issue.expected !== 'boolean'
        ? 'must be a map of keys'
        : issue.message,
    ),
  ];
}

/** The line of the key at the end of a path, or of the last part of it that is there. */
function lineOf(path: readonly PropertyKey[], document: Document.Parsed, lines: LineCounter): number {
  let node: unknown = document.contents;
  let offset = 0;
  for (const name of path) {
    const pair = isMap(node)
      ? node.items.find(({ key }) => isScalar(key) && String(key.value) === String(name))
      : undefined;
    if (pair === undefined) break;
    if (isNode(pair.key)) offset = pair.key.range?.[0] ?? offset;
    node = pair.value;
  }
  return lines.linePos(offset).line;
}
