/** The page of a soak: what was done to the cluster, how long it took to recover, what was wrong. No script, no network. */
import type { SoakOptions } from './options.ts';
import { type FaultSeen, seconds, type SoakResult } from './run.ts';

const style = `body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color-scheme:light dark}
table{border-collapse:collapse;width:100%}td,th{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #8884}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.bad{color:#c22}.good{color:#284}
.bar{background:#48a;height:.7rem;display:inline-block}`;

export function soakPage(options: SoakOptions, result: SoakResult): string {
  const { violations, leftOut } = result;
  const verdict =
    violations.length === 0
      ? '<p class="good">Every promise was kept.</p>'
      : `<h2 class="bad">${violations.length} violations</h2>${list(violations)}`;
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Soak ${options.seed}</title><style>${style}</style>
<h1>Soak of ${options.nodes} nodes on ${options.store}, seed ${options.seed}</h1>
${verdict}
<p>${result.jobs} jobs, ${result.faults.length} faults, ${result.events} events in ${seconds(result.tookMs)}.</p>
<h2>Faults</h2>${faultTable(result.faults)}
${leftOut.length === 0 ? '' : `<h2>Left out</h2>${list(leftOut)}`}
<h2>What callers were told meanwhile</h2>
${table(
  ['code', 'times'],
  Object.entries(result.refusals).map(([code, times]) => [code, String(times)]),
)}
<h2>In order</h2>
${table(
  ['at', 'fault', 'lasted', 'jobs done again after'],
  result.faults.map(({ name, atMs, tookMs, recoveredMs }) => [
    seconds(atMs),
    name,
    seconds(tookMs),
    seconds(recoveredMs),
  ]),
)}
</html>
`;
}

/** One line for each kind: how often, and how long until jobs were done again. */
function faultTable(seen: readonly FaultSeen[]): string {
  const names = [...new Set(seen.map(({ name }) => name))].sort();
  return table(
    ['fault', 'times', 'recovered: median', 'worst'],
    names.map((name) => {
      const times = seen.filter((fault) => fault.name === name).map(({ recoveredMs }) => recoveredMs);
      times.sort((a, b) => a - b);
      const median = times[Math.floor(times.length / 2)] ?? 0;
      return [name, String(times.length), seconds(median), seconds(times.at(-1) ?? 0)];
    }),
  );
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = (row: readonly string[], tag: 'td' | 'th'): string =>
    row.map((text, index) => `<${tag}${index === 0 ? '' : ' class="n"'}>${escaped(text)}</${tag}>`).join('');
  const body = rows.map((row) => `<tr>${cells(row, 'td')}</tr>`).join('\n');
  return `<table><tr>${cells(heads, 'th')}</tr>\n${body}</table>`;
}

function list(lines: readonly string[]): string {
  return `<ul>${lines.map((line) => `<li>${escaped(line)}</li>`).join('\n')}</ul>`;
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
