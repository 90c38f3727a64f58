/** Sizes as people write and read them: `512MiB`, `1.5 GiB`. */

const sizeUnitsBytes: ReadonlyMap<string, number> = new Map([
  ['B', 1],
  ['KB', 1e3],
  ['MB', 1e6],
  ['GB', 1e9],
  ['KiB', 2 ** 10],
  ['MiB', 2 ** 20],
  ['GiB', 2 ** 30],
  ['TiB', 2 ** 40],
]);
const readUnits = ['TiB', 'GiB', 'MiB', 'KiB'] as const;

/** Whole bytes. Undefined if the text is not a size. */
export function parseSizeText(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([A-Za-z]+)$/.exec(text.trim());
  const unit = sizeUnitsBytes.get(match?.[2] ?? '');
  return match === null || unit === undefined ? undefined : Math.round(Number(match[1]) * unit);
}

/** With one decimal, in the largest unit of which there is one. */
export function sizeText(bytes: number): string {
  for (const name of readUnits) {
    const unit = sizeUnitsBytes.get(name) ?? 1;
    if (bytes >= unit) return `${Math.round((bytes / unit) * 10) / 10} ${name}`;
  }
  return `${bytes} B`;
}
