/**
 * Checks inputs with ajv at a cost bounded by the size of the input, whatever schema and input are. Each look at a
 * value is counted. If a check needs too many looks, the input is accepted. Without this, ajv tries every branch of a
 * union to its end, so nested unions cost a power of their depth: an input of a few hundred bytes could block a
 * gateway.
 *
 * ajv has no such limit, so the looks are counted in its hook for generated code. The same hook ends loops early.
 */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';

/** Looks that any input may cost, about a millisecond. */
const looksMin = 2_000;
/** Looks per value within the input. */
const looksPerValue = 64;
/**
 * The most looks that a large input may cost. An input with so many values that this is less than `looksPerValueLeast`
 * per value may cost that much instead.
 */
const looksMost = 1_000_000;
const looksPerValueLeast = 4;

export type BoundedCheck = (input: unknown) => readonly ErrorObject[];

class Looks {
  left = Infinity;
  #input: unknown;
  #isCounted = true;

  begin(input: unknown): void {
    this.left = looksMin;
    this.#input = input;
    this.#isCounted = false;
  }

  /** Raises the limit once, by the number of values. These are counted only for inputs that exceed `looksMin`. */
  more(): void {
    if (this.#isCounted) throw new TooManyLooks();
    this.#isCounted = true;
    const values = valuesIn(this.#input);
    this.left = Math.max(values * looksPerValueLeast, Math.min(values * looksPerValue, looksMost));
  }
}

class TooManyLooks extends Error {}

function valuesIn(input: unknown): number {
  if (typeof input !== 'object' || input === null) return 1;
  let values = 1;
  for (const part of Object.values(input)) values += valuesIn(part);
  return values;
}

/**
 * Compiles a schema. Throws if it cannot be compiled. Each schema has its own ajv, so that `$id`s of handlers cannot
 * collide and a replaced schema leaves nothing behind. `errorsMax` limits the errors per list or object of the input.
 */
export function compileBounded(schema: object, errorsMax: number): BoundedCheck {
  const { $schema: draft = '2020-12' } = schema as { readonly $schema?: string };
  // In other drafts the same keywords have other meanings: those beside a `$ref`, or a list of `items`.
  if (!draft.includes('2020-12')) throw new Error(`not of draft 2020-12: ${draft}`);
  const ajv = new Ajv2020({
    // Validating the schema would cost more than everything else here. An invalid schema either fails to compile or has
    // no effect.
    allErrors: true,
    strict: false,
    validateFormats: false,
    validateSchema: false,
    logger: false,
    code: { process: (code) => counted(stoppingEarly(code, errorsMax)) },
  });
  setEnum(ajv);
  const looks = new Looks();
  // Generated code refers to the ajv instance as `self`.
  Object.assign(ajv, { looks });
  const validate = ajv.compile(schema);
  return (input) => {
    looks.begin(input);
    try {
      return validate(input) ? [] : (validate.errors ?? []);
    } catch (error) {
      if (error instanceof TooManyLooks || error instanceof RangeError) return [];
      throw error;
    } finally {
      looks.begin(undefined);
      // A definition may be compiled when an input first reaches it. That must not be limited.
      looks.left = Infinity;
    }
  };
}

/** Inserts the counting: once per function of a definition, round of a loop, and nested schema. */
function counted(code: string): string {
  const count = 'if(--self.looks.left<0)self.looks.more();';
  return code
    .replaceAll(/return function \w+\(data, \{[^}]*\}=\{\}\)\{/g, (start) => `${start}${count}`)
    .replaceAll(/\bfor\((?:let|const) [^{}]*\)\{/g, (loop) => `${loop}${count}`)
    .replaceAll(/const _errs\d+ ?= ?errors;/g, (schema) => `${schema}${count}`);
}

/**
 * ajv creates an object for each error, without a limit. So each of its loops over items and keys ends once it has
 * found enough errors. What it skips could only add errors, because the branches of a union are checked separately.
 */
function stoppingEarly(code: string, errorsMax: number): string {
  let loops = 0;
  return code.replaceAll(/\bfor\((?:let|const) [^{}]*\)\{/g, (loop) => {
    loops += 1;
    const most = `enough${loops}`;
    return `const ${most}=errors+${errorsMax};${loop}if(errors>=${most})break;`;
  });
}

/** Replaces ajv's `enum`, which compares with one value after the other. */
function setEnum(ajv: Ajv2020): void {
  ajv.removeKeyword('enum');
  ajv.addKeyword({
    keyword: 'enum',
    schemaType: 'array',
    error: { message: 'must be equal to one of the allowed values' },
    compile(values: readonly unknown[]) {
      const allowed = new Set(values);
      return (value: unknown) => allowed.has(value);
    },
  });
}
