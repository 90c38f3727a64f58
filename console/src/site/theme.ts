/** Light or dark: as the system says, or as the switch was set. */
import { effect, signal } from '@preact/signals';

export type Theme = 'system' | 'light' | 'dark';

const storageKey = 'troupe.theme';

function kept(): Theme {
  const text = localStorage.getItem(storageKey);
  return text === 'light' || text === 'dark' ? text : 'system';
}

export const theme = signal<Theme>(kept());

export function nextTheme(): void {
  const next = { system: 'light', light: 'dark', dark: 'system' } as const;
  theme.value = next[theme.value];
}

export function startTheme(): void {
  effect(() => {
    const { value } = theme;
    if (value === 'system') {
      localStorage.removeItem(storageKey);
      delete document.documentElement.dataset['theme'];
    } else {
      localStorage.setItem(storageKey, value);
      document.documentElement.dataset['theme'] = value;
    }
  });
}
