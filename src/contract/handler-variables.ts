/** The rules for environment variables of handlers, for programs outside the cluster that declare nodes. */
export { handlerVariablesMax, problemOfHandlerVariable } from '../domain/handler-variables.ts';
