/** Writes docs/reference/access.md from permissions, roles and the contract. With `--check` it only compares. */
import { accessDocument } from '../src/gateway/access/access-document.ts';
import { keepPage } from './generated-page.ts';

keepPage('docs/reference/access.md', accessDocument(), 'docs:access');
