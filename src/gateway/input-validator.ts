/** Checks inputs against the JSON Schema (2020-12) of the handler. Schemas are compiled once each. */
import type { ErrorObject } from 'ajv/dist/2020.js';
import type { InputValidator, SchemaViolation } from '../application/ports/input-validator.ts';
import type { Logger } from '../application/ports/runtime.ts';
import type { HandlerManifest } from '../domain/handler-manifest.ts';
import { type BoundedCheck, compileBounded } from './bounded-check.ts';
import { edgeSchema } from './edge-schema.ts';

/** Violations that one answer names; an array of a million wrong items needs no million lines. */
const violationsMax = 50;

interface Compiled {
  /** Undefined: the schema cannot be compiled here; the node still checks with the handler's own. */
  readonly check: BoundedCheck | undefined;
}

export function createInputValidator(log: Logger): InputValidator {
  // By the schema itself: versions of a handler live side by side, and what nobody publishes any more is forgotten.
  const compiled = new WeakMap<object, Compiled>();

  function compile(manifest: HandlerManifest, schema: object): Compiled {
    try {
      return { check: compileBounded(edgeSchema(schema) as object, violationsMax) };
    } catch (error) {
      log.warn(
        { err: error, handler: manifest.name, version: manifest.version },
        'schema of handler not usable, inputs are checked by nodes only',
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

/** Some libraries look over members of this name, and some do not: what is wrong with one is for the handler to say. */
function isAmbiguous({ instancePath, params }: ErrorObject): boolean {
  return instancePath.includes('/__proto__') || Object.values(params as object).includes('__proto__');
}

/** A missing or surplus property is named itself, not the object around it. */
function toViolation(error: ErrorObject): SchemaViolation {
  const params = error.params as Readonly<Record<string, unknown>>;
  const named = params['missingProperty'] ?? params['additionalProperty'] ?? params['unevaluatedProperty'];
  const description = error.message ?? 'does not satisfy the schema';
  if (typeof named !== 'string') return { pointer: error.instancePath, description };
  const pointer = `${error.instancePath}/${named.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  return { pointer, description: params['missingProperty'] === undefined ? 'is not allowed' : 'is required' };
}
