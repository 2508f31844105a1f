import parser from '@typescript-eslint/parser'
import regexp from 'eslint-plugin-regexp'

// Every regular expression must run in time linear in the length of its input. Biome checks everything else.
export default [
  { ignores: ['src/database/generated', 'src/docs/assets', 'packages/*/dist'] },
  {
    files: ['src/**/*.ts', 'prisma/**/*.ts', 'packages/*/src/**/*.ts'],
    languageOptions: { parser },
    plugins: { regexp },
    rules: {
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential', ignoreSticky: false }],
    },
  },
]
