/** Evaluates the variable `no_proxy` as curl does: names with their subdomains, addresses, ports, and `*` for all. */

export function isUnproxied(
  { host, port }: { readonly host: string; readonly port: number | undefined },
  list: string,
): boolean {
  const name = host.toLowerCase();
  return list
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => matches(name, port, entry));
}

function matches(name: string, port: number | undefined, entry: string): boolean {
  if (entry === '*') return true;
  const [, bare = entry, entryPort] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(isIpv6(entry) ? `[${entry}]` : entry) ?? [];
  if (entryPort !== undefined && Number(entryPort) !== port) return false;
  const domain = bare.replace(/^\*?\./, '');
  return name === domain || name.endsWith(`.${domain}`);
}

function isIpv6(entry: string): boolean {
  return !entry.startsWith('[') && entry.split(':').length > 2;
}
