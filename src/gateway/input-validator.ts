/** Checks inputs with ajv against the JSON Schema (2020-12) of the handler. Schemas are compiled once each. */
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { ErrorObject, ValidateFunction } from 'ajv/dist/2020.js';
import type { InputValidator, SchemaViolation } from '../application/ports/input-validator.ts';
import type { Logger } from '../application/ports/runtime.ts';
import type { HandlerManifest } from '../domain/handler-manifest.ts';
import { edgeSchema } from './edge-schema.ts';

/** Violations that one answer names; an array of a million wrong items needs no million lines. */
const violationsMax = 50;

interface Compiled {
  /** Undefined: the schema cannot be compiled here; the node still checks with the handler's own. */
  readonly validate: ValidateFunction | undefined;
}

export function createInputValidator(log: Logger): InputValidator {
  // By the schema itself: versions of a handler live side by side, and what nobody publishes any more is forgotten.
  const compiled = new WeakMap<object, Compiled>();

  function compile(manifest: HandlerManifest, schema: object): Compiled {
    try {
      // One instance per schema: `$id`s of handlers cannot collide, and a replaced schema leaves nothing behind.
      const ajv = new Ajv2020({
        ...{ allErrors: true, strict: false, validateFormats: false, logger: false },
        code: { process: stoppingEarly },
      });
      return { validate: ajv.compile(edgeSchema(schema) as object) };
    } catch (error) {
      log.warn(
        { err: error, handler: manifest.name, version: manifest.version },
        'schema of handler not usable, inputs are checked by nodes only',
      );
      return { validate: undefined };
    }
  }

  return {
    validate(manifest, input) {
      const schema = manifest.inputSchema;
      if (!schema) return [];
      const entry = compiled.get(schema) ?? compile(manifest, schema);
      compiled.set(schema, entry);
      if (!entry.validate || entry.validate(input)) return [];
      const errors = entry.validate.errors ?? [];
      return errors.some(isAmbiguous) ? [] : errors.slice(0, violationsMax).map(toViolation);
    },
  };
}

/** Some libraries look over members of this name, and some do not: what is wrong with one is for the handler to say. */
function isAmbiguous({ instancePath, params }: ErrorObject): boolean {
  return instancePath.includes('/__proto__') || Object.values(params as object).includes('__proto__');
}

/**
 * ajv makes an object of each error and has no bound of its own: here each of its loops over items and keys ends when it has
 * found enough. What it then leaves out could only add to that; branches of a union are looked at each for itself.
 */
function stoppingEarly(code: string): string {
  let loops = 0;
  return code.replaceAll(/\bfor\((?:let|const) [^{}]*\)\{/g, (loop) => {
    loops += 1;
    const most = `enough${String(loops)}`;
    return `const ${most}=errors+${String(violationsMax)};${loop}if(errors>=${most})break;`;
  });
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
