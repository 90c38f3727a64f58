/** Which variables handlers may be given, for what declares nodes from outside of the cluster. */
export { handlerVariablesMax, problemOfHandlerVariable } from '../domain/handler-variables.ts';
