/** Writes docs/reference/store-rights.md from src/adapters/cassandra/table-rights.ts. With `--check` it only compares. */
import { storeRightsDocument } from '../src/adapters/cassandra/store-rights-document.ts';
import { keepPage } from './generated-page.ts';

keepPage('docs/reference/store-rights.md', storeRightsDocument(), 'docs:store-rights');
