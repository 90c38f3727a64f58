/**
 * Labels that a submitter attaches to a job in order to find it later. They are few and short, because every record
 * carries them.
 */
export type Labels = Readonly<Record<string, string>>;

export const labelsMax = 16;
const keyPattern = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/;
const valueMaxChars = 128;

/** Checks labels and describes each problem. Empty if there is none. */
export function checkLabels(labels: Labels): readonly { readonly key: string; readonly description: string }[] {
  const entries = Object.entries(labels);
  const problems = entries.flatMap(([key, value]) => {
    if (!keyPattern.test(key)) return [{ key, description: `its name must match ${keyPattern.source}` }];
    if (value.length > valueMaxChars) return [{ key, description: `must have at most ${valueMaxChars} characters` }];
    return [];
  });
  const [extra] = entries.slice(labelsMax);
  if (extra === undefined) return problems;
  return [
    ...problems,
    { key: extra[0], description: `is one too many: a job has at most ${labelsMax} labels, not ${entries.length}` },
  ];
}
