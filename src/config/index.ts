/** The configuration: its schema, its loader, and the only reader of the environment. */
export { ConfigError } from './config-error.ts';
export type { ConfigProblem } from './config-error.ts';
export { findConfigFile } from './config-file.ts';
export { cacheFolder, configFolder } from './user-folders.ts';
export { devPreset, migratePreset } from './command-presets.ts';
export { handlerVariables } from './handlers-section.ts';
export { readEnvironment } from './environment.ts';
export type { Environment } from './environment.ts';
export { regionOfArn } from './encryption-relations.ts';
export { operatorTokenPattern } from './edge-sections.ts';
export { loadConfig } from './load-config.ts';
export type { ConfigSources } from './load-config.ts';
export type { Config, ConfigInput } from './schema.ts';
