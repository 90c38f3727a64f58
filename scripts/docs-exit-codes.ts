/** Writes docs/reference/exit-codes.md from the table in src/cli/errors/exit-code.ts. With `--check` it only compares. */
import { exitCodesDocument } from '../src/cli/errors/exit-codes-document.ts';
import { keepPage } from './generated-page.ts';

keepPage('docs/reference/exit-codes.md', exitCodesDocument(), 'docs:exit-codes');
