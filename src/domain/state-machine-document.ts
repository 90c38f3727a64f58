/** The state machine for readers: a diagram and a table, both made from the edges. */
import { isTerminal, jobStates } from './job.ts';
import { type Edge, edges } from './state-machine.ts';

export function stateMachineDocument(): string {
  const all: readonly Edge[] = edges;
  const diagram = all.map(
    ({ from, to, command, when }) => `    ${from ?? '[*]'} --> ${to}: ${command} (${when.replaceAll(/[,;:].*$/g, '')})`,
  );
  const ends = jobStates.filter(isTerminal).map((state) => `    ${state} --> [*]`);
  const rows = all.map(
    ({ from, command, to, event, when }) => `| ${from ?? '—'} | \`${command}\` | ${to} | \`${event}\` | ${when} |`,
  );
  return [
    '# The states of a job',
    '',
    'Generated from `src/domain/state-machine.ts` by `npm run docs:state-machine`; a test keeps it in step.',
    '',
    'Reports of an attempt (`succeed`, `fail`, `stopped`, `lose`) carry its token; a report whose token is not the present',
    'one changes nothing. A terminal state is never left.',
    '',
    '```mermaid',
    'stateDiagram-v2',
    ...diagram,
    ...ends,
    '```',
    '',
    '| from | command | to | event | when |',
    '| --- | --- | --- | --- | --- |',
    ...rows,
    '',
  ].join('\n');
}
