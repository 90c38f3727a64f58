/** Checks inputs against the handler's JSON Schema (2020-12). Each schema is compiled once. */
import type { ErrorObject } from 'ajv/dist/2020.js';
import type { InputValidator, SchemaViolation } from '../application/ports/input-validator.ts';
import type { Logger } from '../application/ports/runtime.ts';
import type { HandlerManifest } from '../domain/handler-manifest.ts';
import { type BoundedCheck, compileBounded } from './bounded-check.ts';
import { edgeSchema } from './edge-schema.ts';

/** Violations in one answer. An array of a million wrong items must not produce a million. */
const violationsMax = 50;

interface Compiled {
  /** Undefined if the schema cannot be compiled here. The node still checks with the handler's own. */
  readonly check: BoundedCheck | undefined;
}

/** Creates the validator. A schema that cannot be compiled accepts every input, and is logged once. */
export function createInputValidator(log: Logger): InputValidator {
  // Keyed by the schema object: versions of a handler coexist, and a schema that is no longer published is
  // garbage-collected.
  const compiled = new WeakMap<object, Compiled>();

  function compile(manifest: HandlerManifest, schema: object): Compiled {
    try {
      return { check: compileBounded(edgeSchema(schema) as object, violationsMax) };
    } catch (error) {
      log.warn(
        { err: error, handler: manifest.name, version: manifest.version },
        'schema of a handler cannot be used; only nodes check its inputs',
      );
      return { check: undefined };
    }
  }

  return {
    validate(manifest, input) {
      const schema = manifest.inputSchema;
      if (!schema) return [];
      const entry = compiled.get(schema) ?? compile(manifest, schema);
      compiled.set(schema, entry);
      const errors = entry.check?.(input) ?? [];
      return errors.some(isAmbiguous) ? [] : errors.slice(0, violationsMax).map(toViolation);
    },
  };
}

/** Libraries differ in whether they check members of this name, so the handler decides about them. */
function isAmbiguous({ instancePath, params }: ErrorObject): boolean {
  return instancePath.includes('/__proto__') || Object.values(params as object).includes('__proto__');
}

/** Names a missing or additional property itself, not the object that should hold it. */
function toViolation(error: ErrorObject): SchemaViolation {
  const params = error.params as Readonly<Record<string, unknown>>;
  const named = params['missingProperty'] ?? params['additionalProperty'] ?? params['unevaluatedProperty'];
  const description = error.message ?? 'does not satisfy the schema';
  if (typeof named !== 'string') return { pointer: error.instancePath, description };
  const pointer = `${error.instancePath}/${named.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return { pointer, description: params['missingProperty'] === undefined ? 'is not allowed' : 'is required' };
}
