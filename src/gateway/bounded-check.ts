/**
 * Checks of inputs with ajv whose cost is bounded by the size of the input, whatever schema and input are: each look at a
 * value is counted, and a check that takes too many says nothing. Without it ajv tries each branch of a union to its end, so a
 * tree of unions costs a power of its depth: a gateway would stand still for an input of some hundred bytes.
 *
 * ajv has no bound of its own. Its hook for generated code is where looks are counted, and where loops end early.
 */
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';

/** Of any input; about a millisecond. */
const looksMin = 2_000;
/** For each value within it. */
const looksPerValue = 64;
/** What large inputs get at most, unless it is less than a few looks for each value. */
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

  /** The values of an input are counted only when it needs more looks than any may have. */
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
 * Throws when the schema cannot be compiled. One instance of ajv per schema: `$id`s of handlers cannot collide, and a
 * replaced schema leaves nothing behind. `errorsMax`: of each list or object within the input.
 */
export function compileBounded(schema: object, errorsMax: number): BoundedCheck {
  const { $schema: draft = '2020-12' } = schema as { readonly $schema?: string };
  // The same words mean other things elsewhere: what stands beside a `$ref`, a list of `items`.
  if (!draft.includes('2020-12')) throw new Error(`not of draft 2020-12: ${draft}`);
  const ajv = new Ajv2020({
    // A look at the schema itself costs more than all else here; what is wrong with it throws below, or says nothing.
    allErrors: true,
    strict: false,
    validateFormats: false,
    validateSchema: false,
    logger: false,
    code: { process: (code) => counted(stoppingEarly(code, errorsMax)) },
  });
  setEnum(ajv);
  const looks = new Looks();
  // Generated code knows the instance as `self`.
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
      // A definition that is first met with an input is compiled then.
      looks.left = Infinity;
    }
  };
}

/** A look: a function for a definition, a round of a loop, a schema within a schema. */
function counted(code: string): string {
  const count = 'if(--self.looks.left<0)self.looks.more();';
  return code
    .replaceAll(/return function \w+\(data, \{[^}]*\}=\{\}\)\{/g, (start) => `${start}${count}`)
    .replaceAll(/\bfor\((?:let|const) [^{}]*\)\{/g, (loop) => `${loop}${count}`)
    .replaceAll(/const _errs\d+ ?= ?errors;/g, (schema) => `${schema}${count}`);
}

/**
 * ajv makes an object of each error and has no bound of its own: here each of its loops over items and keys ends when it has
 * found enough. What it then leaves out could only add to that; branches of a union are looked at each for itself.
 */
function stoppingEarly(code: string, errorsMax: number): string {
  let loops = 0;
  return code.replaceAll(/\bfor\((?:let|const) [^{}]*\)\{/g, (loop) => {
    loops += 1;
    const most = `enough${loops}`;
    return `const ${most}=errors+${errorsMax};${loop}if(errors>=${most})break;`;
  });
}

/** In place of ajv's, which compares with one value of the list after the other. */
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
