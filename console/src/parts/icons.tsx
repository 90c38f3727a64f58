/** Small pictures. A state has a shape besides its colour. */
import type { ComponentChildren } from 'preact';
import type { Tone } from '../text/words.ts';

const shapes: Readonly<Record<Tone, string>> = {
  good: 'M1.5 5.2 4 7.8 8.7 2.4',
  doubt: 'M5 1.2v4.6M5 8.4v.6',
  bad: 'M2 2l6 6M8 2 2 8',
  run: 'M2.6 1.6v6.8L8.4 5z',
  wait: 'M1.6 5h.01M5 5h.01M8.4 5h.01',
  plain: 'M2 5h6',
};

export function ToneIcon({ tone }: { readonly tone: Tone }) {
  return (
    <svg viewBox="0 0 10 10" aria-hidden="true">
      <path
        d={shapes[tone]}
        fill={tone === 'run' ? 'currentColor' : 'none'}
        stroke="currentColor"
        stroke-width="1.7"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}

const lines = {
  system: 'M2 3h12v8H2zM6 14h4',
  light:
    'M8 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM8 1v1.5M8 13.500v1.500M1 8h1.500M13.500 8H15M3 3l1 1M12 12l1 1M13 3l-1 1M4 12l-1 1',
  dark: 'M13 9.500A5.500 5.500 0 0 1 6.500 3 5.500 5.500 0 1 0 13 9.500z',
  help: 'M5.800 6a2.200 2.200 0 1 1 3 2c-.6.3-.8.7-.8 1.500M8 12v.2',
} as const;

export function LineIcon({ name }: { readonly name: keyof typeof lines }) {
  return (
    <svg viewBox="0 0 16 16" aria-hidden="true">
      <path
        d={lines[name]}
        fill="none"
        stroke="currentColor"
        stroke-width="1.3"
        stroke-linecap="round"
        stroke-linejoin="round"
      />
    </svg>
  );
}

export function Tag({ tone, children }: { readonly tone: Tone; readonly children: ComponentChildren }) {
  return (
    <span class={`tag ${tone}`}>
      <ToneIcon tone={tone} />
      {children}
    </span>
  );
}
