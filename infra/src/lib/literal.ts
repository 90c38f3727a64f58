/** Text for terraform as it is: what looks like its templates (`${`, `%{`) is escaped. */
export function literal(text: string): string {
  return text.replaceAll(/[$%](?=\{)/g, (sign) => sign + sign);
}
