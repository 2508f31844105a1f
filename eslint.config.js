import parser from '@typescript-eslint/parser'
import regexp from 'eslint-plugin-regexp'

// Biome lints all else. No expression of ours may take more than linear time, whatever it is matched against.
export default [
  {
    files: ['src/**/*.ts', 'prisma/**/*.ts'],
    ignores: ['src/database/generated/**'],
    languageOptions: { parser },
    plugins: { regexp },
    rules: {
      'regexp/no-super-linear-backtracking': ['error', { report: 'potential' }],
      'regexp/no-super-linear-move': ['error', { report: 'potential', ignoreSticky: false }],
    },
  },
]
