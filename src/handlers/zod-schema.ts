/**
 * Where a schema of zod takes more than its JSON Schema says: it makes the value over before it looks at it (`trim`, coercion,
 * preprocessing), or takes any (`catch`). There the JSON Schema that is published says nothing, so that no gateway refuses
 * what the handler would take. Looked at by shape: zod is a package of the handler's, not of ours.
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

/** Handed to zod's own conversion, for each schema within a schema, the inner ones first. */
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

function saysNothing({ type = '', coerce = false, in: first }: Definition): boolean {
  return coerce || anyTypes.has(type) || (type === 'pipe' && saysNothing(definitionOf(first)));
}

function isMadeOver({ checks = [] }: Definition): boolean {
  return checks.some((check) => Reflect.get(definitionOf(check), 'check') === 'overwrite');
}
