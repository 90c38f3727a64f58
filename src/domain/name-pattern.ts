/** A name, or the beginning of names with `*` at its end: how the configuration names queues, tenants, handlers and secrets. */

export function fitsPattern(name: string, pattern: string): boolean {
  return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name === pattern;
}
