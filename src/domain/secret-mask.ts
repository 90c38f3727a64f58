/**
 * Takes secrets out of texts: what a run was given must not leave it in a log line or in the text of a failure. It finds
 * a value, each of its lines, and the texts in it if it is JSON or a URL with a password: as they are, or as JSON, a URL or
 * base64 have them. A handler that turns a secret into something else gets past it.
 */
import { clipped } from './clipped-text.ts';

/** A shorter value would take parts of words that have nothing to do with it. */
const valueMinChars = 8;
/** So much of a value at the end of a text that was cut is masked as well. */
const tailMinChars = 4;
/** What is looked for in each text of a run. A password takes some 6, a key of 50 lines some 150. */
const formsMax = 2_000;
/** No text of a run is longer, so what follows in a form is never met. */
const formMaxChars = 4_096;

export class SecretMask {
  /** Names of secrets by what is looked for. */
  readonly #names = new Map<string, string>();
  /** Longest first, so that a value that holds another is taken whole. */
  #forms: readonly string[] = [];

  /** It changes nothing. */
  get isEmpty(): boolean {
    return this.#forms.length === 0;
  }

  /**
   * From now on no text has this value, nor any line of it. False if it is not masked, because there is no room: then the
   * run must not get it.
   */
  add(name: string, value: string): boolean {
    const fresh = this.#freshForms(value);
    if (this.#names.size + fresh.length > formsMax) return false;
    this.#take(name, fresh);
    return true;
  }

  /** Makes room for it: what came first is forgotten. */
  addLatest(name: string, value: string): void {
    const fresh = this.#freshForms(value).slice(0, formsMax);
    for (const form of this.#names.keys()) {
      if (this.#names.size + fresh.length <= formsMax) break;
      this.#names.delete(form);
    }
    this.#take(name, fresh);
  }

  /** `maxChars`: a text of this length was cut, perhaps in the middle of a value. The result is not longer. */
  text(text: string, maxChars: number): string {
    if (this.isEmpty) return text;
    let masked = text;
    for (const form of this.#forms) masked = masked.replaceAll(form, () => this.#mark(form));
    // A cut in the middle of a surrogate pair leaves one unit less.
    return clipped(text.length < maxChars - 1 ? masked : this.#withoutTail(masked), maxChars);
  }

  #freshForms(value: string): readonly string[] {
    return [...new Set(formsIn(value))].filter((form) => !this.#names.has(form));
  }

  #take(name: string, fresh: readonly string[]): void {
    for (const form of fresh) this.#names.set(form, name);
    if (fresh.length > 0) this.#forms = [...this.#names.keys()].sort((one, other) => other.length - one.length);
  }

  #withoutTail(text: string): string {
    let end = text.length;
    for (const form of this.#forms) {
      const head = form.slice(0, tailMinChars);
      let at = text.indexOf(head, Math.max(0, text.length - form.length));
      while (at >= 0 && at < end && !form.startsWith(text.slice(at))) at = text.indexOf(head, at + 1);
      if (at >= 0) end = Math.min(end, at);
    }
    return text.slice(0, end);
  }

  #mark(form: string): string {
    return `[secret ${this.#names.get(form) ?? ''}]`;
  }
}

/** All that is looked for. Lines are not looked for as base64, which has the whole value. */
function formsIn(value: string): string[] {
  const wholes = [value, ...textsIn(value)].filter((whole) => whole.length >= valueMinChars);
  const lines = wholes.flatMap((whole) => whole.split(/\r?\n/)).map((line) => line.trim());
  const plain = [...wholes, ...lines.filter((line) => line.length >= valueMinChars)].flatMap(plainForms);
  const forms = [...plain, ...wholes.flatMap(base64Forms)].filter((form) => form.length >= valueMinChars);
  return forms.map((form) => (form.length > formMaxChars ? copied(form.slice(0, formMaxChars)) : form));
}

/** A slice alone would keep all of its text in memory. */
function copied(text: string): string {
  return Buffer.from(text, 'utf16le').toString('utf16le');
}

/** What a program takes out of a value before it uses it. */
function textsIn(value: string): readonly string[] {
  const { password } = URL.parse(value) ?? { password: '' };
  const texts = [password, decoded(password)];
  if (!/^\s*[[{]/.test(value)) return texts;
  try {
    JSON.parse(value, (_, part: unknown) => {
      if (typeof part === 'string') texts.push(part);
      return undefined;
    });
  } catch {
    // It is no JSON, then.
  }
  return texts;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function plainForms(text: string): string[] {
  const inForm = new URLSearchParams([['', text]]).toString().slice(1);
  return [text, JSON.stringify(text).slice(1, -1), encodeURIComponent(text.toWellFormed()), inForm];
}

/** Also where other bytes are before it, as in the header of a login: `user:password`. */
function base64Forms(text: string): string[] {
  const bytes = Buffer.from(text, 'utf8');
  const whole = bytes.toString('base64').replace(/=+$/, '');
  const forms = [whole, ...[0, 1, 2].map((before) => base64After(before, bytes))];
  return forms.flatMap((form) => [form, form.replaceAll('+', '-').replaceAll('/', '_')]);
}

/** The characters that depend on these bytes alone if so many are before them. */
function base64After(before: number, bytes: Buffer): string {
  const text = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64');
  return text.slice(before === 0 ? 0 : before + 1, Math.floor((before + bytes.length) / 3) * 4);
}
