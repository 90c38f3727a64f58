/** Writes docs/reference/configuration.md from the schema. With `--check` it only compares. */
import { configurationReference } from '../src/config/reference.ts';
import { keepPage } from './generated-page.ts';

keepPage('docs/reference/configuration.md', configurationReference(), 'docs:config');
