/**
 * Takes secrets out of texts: what a run was given must not leave it in a log line or in the text of a failure. It finds
 * what is written as it is, or as JSON, a URL or base64 have it. A handler that turns a secret into something else gets past
 * it.
 */
import { clipped } from './clipped-text.ts';

/** A shorter value would take parts of words that have nothing to do with it. */
const valueMinChars = 8;
/** So much of a value at the end of a text that was cut is masked as well. */
const tailMinChars = 4;
/** What is looked for in each text of a run. A key of 50 lines takes some 150. */
const formsMax = 2_000;

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
    const parts = [value, ...value.split(/\r?\n/).map((line) => line.trim())];
    const fresh = new Set(parts.flatMap(formsOf).filter((form) => !this.#names.has(form)));
    if (this.#names.size + fresh.size > formsMax) return false;
    for (const form of fresh) this.#names.set(form, name);
    if (fresh.size > 0) this.#forms = [...this.#names.keys()].sort((one, other) => other.length - one.length);
    return true;
  }

  /** `maxChars`: a text of this length was cut, perhaps in the middle of a value. The result is not longer. */
  text(text: string, maxChars: number): string {
    if (this.isEmpty) return text;
    let masked = text;
    for (const form of this.#forms) masked = masked.replaceAll(form, () => this.#mark(form));
    return clipped(text.length < maxChars ? masked : this.#withoutTail(masked), maxChars);
  }

  #withoutTail(text: string): string {
    for (const form of this.#forms) {
      for (let length = Math.min(form.length - 1, text.length); length >= tailMinChars; length -= 1) {
        if (text.endsWith(form.slice(0, length))) return text.slice(0, -length);
      }
    }
    return text;
  }

  #mark(form: string): string {
    return `[secret ${this.#names.get(form) ?? ''}]`;
  }
}

function formsOf(value: string): string[] {
  if (value.length < valueMinChars) return [];
  const base64 = Buffer.from(value, 'utf8').toString('base64');
  return [value, JSON.stringify(value).slice(1, -1), encodeURIComponent(value.toWellFormed()), base64];
}
