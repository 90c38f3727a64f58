/** Writes docs/reference/errors.md from the error registry and the status table. With `--check` it only compares. */
import { errorsDocument } from '../src/gateway/errors-document.ts';
import { keepPage } from './generated-page.ts';

keepPage('docs/reference/errors.md', errorsDocument(), 'docs:errors');
