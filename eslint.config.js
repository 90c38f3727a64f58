// Lint rules. The layer rules (who may import whom) are in .dependency-cruiser.cjs; format is prettier's alone.
import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';
import { wordIndex } from './scripts/lint/word-index.ts';

const core = ['src/domain/**', 'src/application/**', 'src/actors/**', 'src/kernel/**', 'src/supervisor/**'];

/** Time and chance are ports (`Clock`, `Random`): tests of the core run in virtual time with a seeded order. */
const clockGlobals = ['setTimeout', 'setInterval', 'setImmediate', 'performance'].map((name) => ({
  name,
  message: 'Time is a port: take a Clock (src/application/ports/runtime.ts).',
}));
const clockProperties = [
  { object: 'Date', property: 'now', message: 'Time is a port: take a Clock.' },
  { object: 'Math', property: 'random', message: 'Chance is a port: take a Random.' },
];
const environment = {
  object: 'process',
  property: 'env',
  message: 'Only src/config reads the environment; take the value as an option.',
};
const environmentImport = {
  name: 'node:process',
  importNames: ['env'],
  message: 'Only src/config reads the environment; take the value as an option.',
};
/** Programs, each of which is started by a command: the app of the CDK, the printers of YAML, what provisioners run. */
const infraEdges = ['main', 'render', 'compose', 'local/main', 'queues/main'].map((name) => `infra/src/${name}.ts`);
const infraEnvironment = { ...environment, message: 'Only the programs of infra/src read the environment.' };
const timerImports = ['node:timers', 'node:timers/promises', 'node:perf_hooks'].map((name) => ({
  name,
  message: 'Time is a port: take a Clock.',
}));

const nestedSpread = {
  selector: 'ObjectExpression > SpreadElement > ObjectExpression',
  message: 'Write the properties themselves.',
};

const conditionalSpread = {
  selector: "ObjectExpression > SpreadElement > LogicalExpression[operator='&&'][right.type='ObjectExpression']",
  message: 'Write `...given({ … })`, with undefined for what is absent.',
};

export default tseslint.config(
  {
    ignores: [
      '**/node_modules/**',
      'build/**',
      'coverage/**',
      '.troupe/**',
      'docs/**',
      'infra/cdktf.out/**',
      'infra/rendered/**',
      '**/fixtures/**',
      '*.cjs',
      'examples/**/*.js',
    ],
  },
  eslint.configs.recommended,
  {
    files: ['**/*.{ts,tsx}'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@typescript-eslint/no-floating-promises': ['error', { ignoreVoid: true }],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: false, requireDefaultForNonUnion: true },
      ],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `async` without `await` turns a throw into a rejection, which is what a port that answers by promise owes.
      '@typescript-eslint/require-await': 'off',
      // It is marked as deprecated only to stand out. `troupe login` uses it for issuers on loopback.
      '@typescript-eslint/no-deprecated': [
        'error',
        { allow: [{ from: 'package', name: 'allowInsecureRequests', package: 'openid-client' }] },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
    },
  },
  {
    files: ['**/*.{ts,tsx,js,mjs}'],
    rules: {
      'no-console': 'error',
      eqeqeq: 'error',
      'no-duplicate-imports': 'error',
      'max-lines': ['error', { max: 400, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['src/**/*.ts', 'console/src/**/*.{ts,tsx}', 'infra/src/**/*.ts'],
    rules: { 'max-params': ['error', { max: 4 }] },
  },
  {
    files: ['src/**/*.ts', 'console/src/**/*.{ts,tsx}', 'infra/src/**/*.ts', 'examples/**/*.ts'],
    plugins: { troupe: { rules: { 'word-index': wordIndex } } },
    rules: { 'troupe/word-index': 'error' },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/config/**'],
    rules: {
      'no-restricted-properties': ['error', environment],
      'no-restricted-imports': ['error', { paths: [environmentImport] }],
      'no-restricted-syntax': ['error', nestedSpread, conditionalSpread],
    },
  },
  {
    files: core,
    rules: {
      'no-restricted-globals': ['error', ...clockGlobals],
      'no-restricted-properties': ['error', ...clockProperties, environment],
      'no-restricted-imports': ['error', { paths: [environmentImport, ...timerImports] }],
      'no-restricted-syntax': [
        'error',
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'Time is a port: take a Clock.',
        },
        { selector: "CallExpression[callee.name='Date']", message: 'Time is a port: take a Clock.' },
        nestedSpread,
        conditionalSpread,
      ],
    },
  },
  {
    files: ['infra/src/**/*.ts'],
    ignores: infraEdges,
    rules: {
      'no-restricted-properties': ['error', infraEnvironment],
      'no-restricted-imports': ['error', { paths: [{ ...environmentImport, message: infraEnvironment.message }] }],
    },
  },
  {
    files: ['src/cli/**', 'scripts/**', 'bench/**', 'infra/scripts/**', ...infraEdges],
    rules: { 'no-console': 'off' },
  },
  {
    files: ['test/**/*.ts', 'bench/**/*.ts', 'infra/test/**/*.ts'],
    rules: {
      // A `describe` is one function; the bound on files holds.
      'max-lines-per-function': 'off',
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-unsafe-type-assertion': 'off',
    },
  },
  {
    files: ['**/*.{js,mjs}'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
      },
    },
  },
);
