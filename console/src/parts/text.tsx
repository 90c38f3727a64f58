/** Texts that users have written, and links to what they name. Nothing here is ever markup. */
import { linkTo } from '../site/route.ts';
import { visibleParts } from '../text/visible.ts';

export function Text({ value }: { readonly value: string }) {
  return (
    <bdi class="text">
      {visibleParts(value).map(({ text, isSign }, index) =>
        isSign ? (
          <span key={index} class="sign" title="a character that cannot be seen">
            {text}
          </span>
        ) : (
          text
        ),
      )}
    </bdi>
  );
}

export function JobLink({ id, isShort = false }: { readonly id: string; readonly isShort?: boolean }) {
  return (
    <a class="mono" href={linkTo('job', { id })} title={id}>
      {isShort ? `…${id.slice(-12)}` : id}
    </a>
  );
}

export function QueueLink({ name }: { readonly name: string }) {
  return <a href={linkTo('queue', { name })}>{name}</a>;
}
