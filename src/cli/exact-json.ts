/** JSON whose numbers are printed as they were stored: a double would round a long id, and write 1.10 as 1.1. */

/** As of ECMAScript 2026; the library of TypeScript does not know it yet. */
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
