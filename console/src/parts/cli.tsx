/** A line for the command line, with a button that copies it. */
import { useState } from 'preact/hooks';

const shownMs = 1_500;

export function Cli({ line }: { readonly line: string }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(line);
    setCopied(true);
    setTimeout(() => setCopied(false), shownMs);
  };
  return (
    <div class="cli">
      <code>
        {/* Lines break between words, not at the hyphens of flags. */}
        {line.split(' ').map((word, index) => (
          <>
            {index === 0 ? '' : ' '}
            <span key={index}>{word}</span>
          </>
        ))}
      </code>
      <button type="button" class="bare" onClick={() => void copy()} aria-label={`copy: ${line}`}>
        {isCopied ? 'copied' : 'copy'}
      </button>
    </div>
  );
}
