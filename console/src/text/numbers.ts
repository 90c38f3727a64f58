/** Numbers as short texts. */

const thinSpace = '\u202f';

/** `12 345`: groups by narrow spaces, so that a column of numbers can be read without commas. */
export function countText(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, thinSpace);
}

/** 64-bit numbers of the contract are texts in JSON. */
export function countOf(value: number | string | undefined): number {
  return Number(value ?? 0);
}

export function rateText(perSecond: number): string {
  if (perSecond === 0) return '0';
  if (perSecond < 0.01) return '<0.01';
  if (perSecond < 10) return perSecond.toFixed(2);
  return perSecond < 100 ? perSecond.toFixed(1) : countText(perSecond);
}

const byteUnits = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

export function bytesText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < byteUnits.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)}${thinSpace}${byteUnits[unit] ?? ''}`;
}

export function percentText(share: number): string {
  return `${Math.round(share * 100)}${thinSpace}%`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}
