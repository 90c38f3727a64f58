/** What handlers receive besides their jobs. */
import { z } from 'zod';
import {
  type HandlerVariables,
  handlerVariablesMax,
  pickHandlerVariables,
  problemOfHandlerVariable,
} from '../domain/handler-variables.ts';
import { ConfigError } from './config-error.ts';
import type { Environment } from './environment.ts';
import { key } from './schema-key.ts';

const entry = z.string().superRefine((name, context) => {
  const problem = problemOfHandlerVariable(name);
  if (problem !== undefined) context.addIssue({ code: 'custom', message: `${JSON.stringify(name)} ${problem}` });
});

export const handlersSection = z.strictObject({
  env: key(z.array(entry).max(handlerVariablesMax).default([]), {
    meaning:
      'Environment variables of this process that handlers see in `process.env`: names, or prefixes such as `APP_*`.',
    consequence: `Handlers see no others. At most ${handlerVariablesMax} entries, read when the process starts; a name that is not set is logged as a warning. Refused: \`TROUPE_*\`, \`NODE_OPTIONS\` and other variables that change Node, \`LD_*\`, \`DYLD_*\`.`,
    defaultNote: 'none',
  }),
});

/** The variables that `handlers.env` names, with their present values. */
export function handlerVariables(
  { handlers }: { readonly handlers: { readonly env: readonly string[] } },
  environment: Environment,
): HandlerVariables {
  try {
    return pickHandlerVariables(handlers.env, environment);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new ConfigError([{ path: 'handlers.env', source: 'environment', message }]);
  }
}
