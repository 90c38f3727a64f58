/** A job like another one, with another input. */
import type { Job } from '../wire/shapes.ts';
import { cliLine, flag } from './cli-lines.ts';

/** Empty: it is JSON. */
export function jsonProblem(text: string): string {
  try {
    JSON.parse(text);
    return '';
  } catch (error) {
    return `This is no JSON: ${error instanceof Error ? error.message : ''}`;
  }
}

/** On one line if it is JSON; else as it is, and the gateway says what is wrong with it. */
function compact(text: string): string {
  return jsonProblem(text) === '' ? JSON.stringify(JSON.parse(text)) : text;
}

/** All options as the answer has them, with those that this page does not know. Keys and times belong to the first job alone. */
export function cloneRequest({ spec = {} }: Job, text: string): object {
  const { unique: _unique, runTime: _runTime, ...kept } = spec;
  return { job: { ...kept, input: { json: compact(text) } } };
}

export function cloneCli({ spec = {} }: Job, text: string, auditReason: string): string {
  const { handler = '', queue, labels = {}, priority, concurrencyKey, fairnessKey } = spec;
  const words = [
    'submit',
    handler,
    compact(text),
    ...flag('queue', queue),
    ...(priority === undefined || priority === 2 ? [] : flag('priority', String(priority))),
    ...Object.entries(labels).flatMap(([name, value]) => flag('label', `${name}=${value}`)),
    ...flag('concurrency-key', concurrencyKey),
    ...flag('fairness-key', fairnessKey),
  ];
  return cliLine(words, auditReason);
}
