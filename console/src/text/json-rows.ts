/** A JSON value as rows of a tree, made only as far as it is opened. */
type JsonKind = 'object' | 'list' | 'string' | 'number' | 'word';

export interface JsonNode {
  readonly key: string | undefined;
  readonly kind: JsonKind;
  /** Of a leaf its text, of others how much is in them. */
  readonly text: string;
  readonly value: unknown;
}

/** Members beyond these are counted: a list of a million has a button, not a million rows. */
export const membersMax = 200;

export function nodeOf(key: string | undefined, value: unknown): JsonNode {
  if (Array.isArray(value)) return { key, kind: 'list', text: `[${value.length}]`, value };
  if (typeof value === 'object' && value !== null)
    return { key, kind: 'object', text: `{${Object.keys(value).length}}`, value };
  const kind = typeof value === 'string' ? 'string' : typeof value === 'number' ? 'number' : 'word';
  return { key, kind, text: JSON.stringify(value), value };
}

export interface Members {
  readonly nodes: readonly JsonNode[];
  readonly left: number;
}

export function membersOf({ value }: JsonNode, max: number): Members {
  if (typeof value !== 'object' || value === null) return { nodes: [], left: 0 };
  const entries: readonly (readonly [string, unknown])[] = Object.entries(value);
  return {
    nodes: entries.slice(0, max).map(([key, member]) => nodeOf(key, member)),
    left: Math.max(0, entries.length - max),
  };
}
