/** Of terraform.mjs. Throws one clear line when there is none to be had. */
export declare const oldestTerraform: readonly [number, number];
export declare function findTerraform(options?: {
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly say?: (line: string) => void;
}): string;
