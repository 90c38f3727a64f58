/**
 * The variables of this process or thread, for code that takes one away before a handler, or what a handler starts, can
 * see it. Nobody reads a setting here.
 */
// eslint-disable-next-line no-restricted-properties -- nobody reads a setting here
export const ownVariables = process.env;
