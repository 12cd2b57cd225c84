import js from '@eslint/js';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/** Files that run inside a worker thread or forked process, where no `Clock` can be handed in. */
const workerEntryPoints = ['src/**/*-entry.ts'];
const tests = ['src/**/*.test.ts', 'tests/**/*.ts'];

const useClock = 'take a Clock (src/clock.ts), so that the code also runs under virtual time';
const useRandom = 'take a Random (src/random.ts), so that a seed repeats the run';

const timersAndChance = {
  'no-restricted-globals': [
    'error',
    { name: 'setTimeout', message: useClock },
    { name: 'setInterval', message: useClock },
    { name: 'clearTimeout', message: useClock },
    { name: 'clearInterval', message: useClock },
    { name: 'performance', message: useClock },
  ],
  'no-restricted-properties': [
    'error',
    { object: 'Date', property: 'now', message: useClock },
    { object: 'process', property: 'hrtime', message: useClock },
    { object: 'process', property: 'uptime', message: useClock },
    { object: 'AbortSignal', property: 'timeout', message: useClock },
    { object: 'Math', property: 'random', message: useRandom },
    ...['setTimeout', 'setInterval', 'performance'].map((property) => ({
      object: 'globalThis',
      property,
      message: useClock,
    })),
  ],
  'no-restricted-imports': [
    'error',
    {
      paths: [
        ...['timers', 'node:timers', 'timers/promises', 'node:timers/promises'].map((name) => ({
          name,
          message: useClock,
        })),
        ...['perf_hooks', 'node:perf_hooks'].map((name) => ({
          name,
          importNames: ['performance'],
          message: useClock,
        })),
      ],
    },
  ],
};

/** Only syntax that is erased by removing types, so that any runner of TypeScript can load a file. */
const erasableOnly = [
  { selector: 'TSEnumDeclaration', message: 'use a union of string literals' },
  { selector: 'TSParameterProperty', message: 'declare the field and assign it' },
  { selector: 'TSModuleDeclaration[declare!=true]', message: 'use a module' },
];
const undatedDate = {
  selector: "NewExpression[callee.name='Date'][arguments.length=0]",
  message: useClock,
};

export default defineConfig(
  { ignores: ['dist/', 'coverage/', 'out/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'max-lines': ['warn', 350],
      'no-restricted-syntax': ['error', ...erasableOnly],
      eqeqeq: 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-unnecessary-condition': [
        'error',
        { allowConstantLoopConditions: 'only-allowed-literals' },
      ],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_' },
      ],
      // `as T` after a lookup that cannot miss names what is expected, where `!` says nothing.
      '@typescript-eslint/non-nullable-type-assertion-style': 'off',
      // A contract may ask for a promise where one implementation has nothing to wait for.
      '@typescript-eslint/require-await': 'off',
      // Generic parameters that appear once still name what a caller must give.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/clock.ts', 'src/random.ts', ...workerEntryPoints, ...tests],
    rules: {
      ...timersAndChance,
      'no-restricted-syntax': ['error', ...erasableOnly, undatedDate],
    },
  },
  {
    files: ['src/**/*.ts'],
    ignores: ['src/cli/**', ...tests],
    rules: { 'no-console': 'error' },
  },
  {
    files: tests,
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-empty-function': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs'],
    languageOptions: { globals: { process: 'readonly', console: 'readonly', URL: 'readonly' } },
  },
);
