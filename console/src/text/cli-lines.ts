/** The line of the command line that does the same. It can be pasted into any shell of POSIX. */

/** Quoted when a shell would take it apart. */
export function shellWord(text: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** Parts that are undefined are left out. `auditReason` goes to the end, as people write it. */
export function cliLine(words: readonly (string | undefined)[], auditReason = ''): string {
  const all = ['troupe', ...words.filter((word) => word !== undefined)];
  if (auditReason !== '') all.push('--audit-reason', auditReason);
  return all.map(shellWord).join(' ');
}

/** A flag with its value, or nothing. */
export function flag(name: string, value: string | undefined): readonly string[] {
  return value === undefined || value === '' ? [] : [`--${name}`, value];
}
