/**
 * Parses JSON so that numbers are printed as they were stored. A double would round a long id and print 1.10 as 1.1.
 */

/** In ECMAScript 2026. TypeScript's library does not declare it yet. */
interface RawJson {
  rawJSON(text: string): unknown;
}

export function parseExactJson(text: string): unknown {
  return JSON.parse(text, ((_name: string, value: unknown, context: { readonly source?: string }) => {
    const { source } = context;
    const isOther = typeof value === 'number' && source !== undefined && JSON.stringify(value) !== source;
    return isOther ? (JSON as unknown as RawJson).rawJSON(source) : value;
  }) as (name: string, value: unknown) => unknown);
}
