/**
 * Who looks. The credential lies in the tab's own storage and ends with the tab; it is never written anywhere else. What the
 * caller may do is asked of the gateway, and only decides what is drawn: the gateway refuses by itself.
 */
import { computed, signal } from '@preact/signals';
import { createCaller, type CallResult, type CallSettings } from '../wire/call.ts';
import type { WhoAmI } from '../wire/shapes.ts';
import { createServerClock } from '../live/server-clock.ts';
import { createPoller } from '../live/poller.ts';

const storageKey = 'troupe.credential';

const credential = signal<string | undefined>(sessionStorage.getItem(storageKey) ?? undefined);
export const hasCredential = computed(() => credential.value !== undefined);

/** Undefined until the gateway has said it. */
export const caller = signal<WhoAmI | undefined>(undefined);
/** The gateway wants a credential, or another one. The text says why. */
export const wantsCredential = signal<string | undefined>(undefined);

const serverClock = createServerClock();
/** By the clock of the gateway; moves once a second. */
export const nowMs = signal(Date.now());
const localMs = signal(Date.now());
/** By the clock here, for ages of what came here. */
export const hereMs = computed(() => localMs.value);

const wire = createCaller({ fetch: (url, init) => fetch(url, init), credential: () => credential.value });

export async function call<Answer>(
  method: string,
  request: object,
  settings: CallSettings = {},
): Promise<CallResult<Answer>> {
  const result = await wire.call<Answer>(method, request, settings);
  if (result.serverMs !== undefined) serverClock.learn(result.serverMs + 500, Date.now());
  if (!result.isOk && result.failure.code === 'unauthenticated') wantsCredential.value = result.failure.message;
  return result;
}

export const poller = createPoller({
  nowMs: () => Date.now(),
  isHidden: () => document.hidden || wantsCredential.value !== undefined,
  setTimer(run, waitMs) {
    const timer = setTimeout(run, waitMs);
    return () => clearTimeout(timer);
  },
});

export function may(permission: string): boolean {
  return caller.value?.permissions?.includes(permission) === true;
}

export async function loadCaller(): Promise<void> {
  const result = await call<WhoAmI>('Access/WhoAmI', {});
  if (!result.isOk) return;
  caller.value = result.answer;
  wantsCredential.value = undefined;
  poller.wake();
}

export async function signIn(text: string): Promise<string | undefined> {
  const before = credential.value;
  credential.value = text.trim().replace(/^Bearer\s+/i, '');
  const result = await call<WhoAmI>('Access/WhoAmI', {});
  if (!result.isOk) {
    credential.value = before;
    return result.failure.message;
  }
  sessionStorage.setItem(storageKey, credential.value);
  caller.value = result.answer;
  wantsCredential.value = undefined;
  poller.wake();
  return undefined;
}

/** Nothing of what was seen stays in the page: it is loaded anew. */
export function signOut(): void {
  sessionStorage.removeItem(storageKey);
  location.assign('./');
}

export function startSession(): void {
  const tick = (): void => {
    localMs.value = Date.now();
    nowMs.value = Date.now() + serverClock.offsetMs();
  };
  setInterval(() => {
    if (!document.hidden) tick();
  }, 1_000);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) return;
    tick();
    poller.wake();
  });
  addEventListener('online', () => poller.wake());
  void loadCaller();
}
