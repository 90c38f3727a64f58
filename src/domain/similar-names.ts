/**
 * Suggests names that somebody may have meant.
 * The work is bounded: only the first 1,000 names are considered, and distances are computed only for names of similar
 * length.
 */

const namesMax = 1_000;
const similarMax = 3;

/** At most three names, nearest first. A name is similar if at most a third of its letters differ. */
export function similarNames(word: string, names: Iterable<string>): readonly string[] {
  const changesMax = Math.max(1, Math.floor(word.length / 3));
  const found: { readonly name: string; readonly changes: number }[] = [];
  let seen = 0;
  for (const name of names) {
    seen += 1;
    if (seen > namesMax) break;
    if (name === word || Math.abs(name.length - word.length) > changesMax) continue;
    const changes = distance(word.toLowerCase(), name.toLowerCase());
    if (changes <= changesMax) found.push({ name, changes });
  }
  found.sort((a, b) => a.changes - b.changes || (a.name < b.name ? -1 : 1));
  return found.slice(0, similarMax).map(({ name }) => name);
}

/** The suggestion as text, `; did you mean a, b?`, or an empty string. */
export function similarText(word: string, names: Iterable<string>): string {
  const similar = similarNames(word, names);
  return similar.length === 0 ? '' : `; did you mean ${similar.join(', ')}?`;
}

/** The Levenshtein distance: letters added, removed or changed. Computed row by row. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(changed, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
