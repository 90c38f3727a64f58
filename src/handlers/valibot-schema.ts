/**
 * Handles the case where a valibot schema accepts more than its JSON Schema says: a schema with a `fallback` accepts
 * anything, but valibot's conversion does not show it. A schema that contains one is published without constraints, so
 * that no gateway refuses an input that the handler would accept.
 * Schemas are inspected by shape, because valibot is a dependency of the handler and not of Troupe.
 */
interface Node {
  readonly valibotSchema: unknown;
}

/** Passed to valibot's own conversion, which calls it for each nested schema. */
export const valibotOptions = {
  overrideSchema({ valibotSchema }: Node): Record<string, unknown> | undefined {
    return hasFallback(valibotSchema, new Set()) ? {} : undefined;
  },
};

/** True if the schema or a part of it has a `fallback`. Parts that are created lazily are not searched. */
function hasFallback(part: unknown, seen: Set<unknown>): boolean {
  if (typeof part !== 'object' || part === null || seen.has(part)) return false;
  seen.add(part);
  if (Reflect.get(part, 'kind') === 'schema' && 'fallback' in part) return true;
  return Object.values(part).some((inner) => hasFallback(inner, seen));
}
