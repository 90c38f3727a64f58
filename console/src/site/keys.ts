/** Keys: `g` and a letter go to a page, `/` to the search, `?` shows them all. Never while somebody writes. */
import { signal } from '@preact/signals';
import { go } from './navigation.ts';
import { linkTo, type PageName } from './route.ts';

export const pageKeys: ReadonlyMap<string, PageName> = new Map([
  ['o', 'overview'],
  ['q', 'queues'],
  ['j', 'jobs'],
  ['f', 'failures'],
  ['n', 'nodes'],
  ['s', 'shards'],
  ['a', 'actors'],
]);

export const isHelpOpen = signal(false);

/** After that, the `g` was not meant for the next key. */
const sequenceMs = 1_500;

export function startKeys(): void {
  let pressedMs = -Infinity;
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isWriting(event.target)) return;
    const isSecond = event.timeStamp - pressedMs < sequenceMs;
    pressedMs = event.key === 'g' ? event.timeStamp : -Infinity;
    const page = isSecond ? pageKeys.get(event.key) : undefined;
    if (page !== undefined) go(linkTo(page));
    else if (event.key === '/') document.querySelector<HTMLInputElement>('#search')?.focus();
    else if (event.key === '?') isHelpOpen.value = !isHelpOpen.value;
    else return;
    event.preventDefault();
  });
}

function isWriting(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return (
    target.isContentEditable ||
    ['INPUT', 'TEXTAREA', 'SELECT'].includes(target.tagName) ||
    target.closest('dialog') !== null
  );
}
