/**
 * Where a schema of valibot takes more than its JSON Schema says: one with a `fallback` takes anything, and the conversion of
 * valibot does not say so. What holds such a one says nothing then, so that no gateway refuses what the handler would take.
 * Looked at by shape: valibot is a package of the handler's, not of ours.
 */
interface Node {
  readonly valibotSchema: unknown;
}

/** Handed to valibot's own conversion, for each schema within a schema. */
export const valibotOptions = {
  overrideSchema({ valibotSchema }: Node): Record<string, unknown> | undefined {
    return hasFallback(valibotSchema, new Set()) ? {} : undefined;
  },
};

/** Itself, or a part of it that is not made only when it is asked for. */
function hasFallback(part: unknown, seen: Set<unknown>): boolean {
  if (typeof part !== 'object' || part === null || seen.has(part)) return false;
  seen.add(part);
  if (Reflect.get(part, 'kind') === 'schema' && 'fallback' in part) return true;
  return Object.values(part).some((inner) => hasFallback(inner, seen));
}
