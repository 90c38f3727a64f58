/** Words that a submitter hangs on a job, to find it by: few and short, since they lie in every record. */
export type Labels = Readonly<Record<string, string>>;

export const labelsMax = 16;
const keyPattern = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,62}$/;
const valueMaxChars = 128;

/** What is wrong, label by label; empty when nothing is. */
export function checkLabels(labels: Labels): readonly { readonly key: string; readonly description: string }[] {
  const entries = Object.entries(labels);
  const problems = entries.flatMap(([key, value]) => {
    if (!keyPattern.test(key)) return [{ key, description: `its name must match ${keyPattern.source}` }];
    if (value.length > valueMaxChars) return [{ key, description: `must have at most ${valueMaxChars} characters` }];
    return [];
  });
  const [extra] = entries.slice(labelsMax);
  if (extra === undefined) return problems;
  return [...problems, { key: extra[0], description: `is one too many: at most ${labelsMax}, not ${entries.length}` }];
}
