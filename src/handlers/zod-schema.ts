/**
 * Handles the case where a zod schema accepts more than its JSON Schema says: it transforms the value before it checks
 * it (`trim`, coercion, preprocessing) or accepts anything (`catch`). The published JSON Schema has no constraints
 * there, so that no gateway refuses an input that the handler would accept.
 * Schemas are inspected by shape, because zod is a dependency of the handler and not of Troupe.
 */
interface Definition {
  readonly type?: string;
  readonly coerce?: boolean;
  readonly in?: unknown;
  readonly checks?: readonly unknown[];
}

interface Node {
  readonly zodSchema: unknown;
  readonly jsonSchema: Record<string, unknown>;
}

const anyTypes = new Set(['catch', 'success', 'transform', 'custom']);

/** Passed to zod's own conversion, which calls it for each nested schema, inner ones first. */
export const zodOptions = {
  override({ zodSchema, jsonSchema }: Node): void {
    const definition = definitionOf(zodSchema);
    if (saysNothing(definition)) {
      for (const keyword of Object.keys(jsonSchema)) Reflect.deleteProperty(jsonSchema, keyword);
    } else if (isMadeOver(definition)) {
      for (const keyword of Object.keys(jsonSchema))
        if (keyword !== 'type') Reflect.deleteProperty(jsonSchema, keyword);
    }
  },
};

function definitionOf(schema: unknown): Definition {
  const internals: unknown = Reflect.get(Object(schema) as object, '_zod');
  return (Reflect.get(Object(internals) as object, 'def') ?? {}) as Definition;
}

/** True if the input may be anything, because it is converted or replaced before it is checked. */
function saysNothing({ type = '', coerce = false, in: first }: Definition): boolean {
  return coerce || anyTypes.has(type) || (type === 'pipe' && saysNothing(definitionOf(first)));
}

/** True if a check overwrites the value, as `trim` does. The type still applies, but not the other constraints. */
function isMadeOver({ checks = [] }: Definition): boolean {
  return checks.some((check) => Reflect.get(definitionOf(check), 'check') === 'overwrite');
}
