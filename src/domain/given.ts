/** Objects whose optional fields are absent instead of undefined, so that they stay absent in JSON and in spreads. */

type IsOptional<T, K extends keyof T> = Partial<Pick<T, K>> extends Pick<T, K> ? true : false;

/* eslint-disable troupe/word-index -- a name comes from the object itself */

/** `T` with every field named. An absent field is named with `undefined`, so nobody can forget one silently. */
export type Named<T> = { readonly [K in keyof T]-?: IsOptional<T, K> extends true ? T[K] | undefined : T[K] };

type Given<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** The fields whose value is not undefined. */
export function given<T extends object>(fields: T): Given<T> {
  const present: Given<T> = {};
  // This loop is ten times as fast as one over entries, and every record is made with it.
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) present[name] = value as Exclude<T[typeof name], undefined>;
  }
  return present;
}

/** A `T` of which every field was named. */
export function complete<T extends object>(fields: Named<T>): T {
  // Unchecked cast: a field of T that is undefined here may be absent in T.
  return given(fields) as unknown as T;
}
