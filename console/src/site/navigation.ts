/** The route as a signal. Links of the page change it without a load; the buttons of the browser work as ever. */
import { computed, signal } from '@preact/signals';
import { type Route, routeOf } from './route.ts';

const address = signal({ path: location.pathname, search: location.search });

export const route = computed<Route>(() => routeOf(address.value.path, address.value.search));

function follow(): void {
  address.value = { path: location.pathname, search: location.search };
}

/** Focus goes to the new page, as it would after a load: a screen reader begins there. */
export function go(link: string): void {
  const before = location.pathname;
  history.pushState(undefined, '', link);
  follow();
  if (location.pathname === before) return;
  scrollTo(0, 0);
  requestAnimationFrame(() => document.querySelector<HTMLElement>('main h1')?.focus({ preventScroll: true }));
}

/** For filters: the address says them, and going back does not step through each. */
export function replace(link: string): void {
  history.replaceState(undefined, '', link);
  follow();
}

export function startNavigation(): void {
  addEventListener('popstate', follow);
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (link.getAttribute('href')?.startsWith('#') === true) return;
    event.preventDefault();
    go(link.href);
  });
}
