import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'tests/**/*.test.ts'],
    // Only against tests that hang: on a busy shared machine real processes start slowly.
    testTimeout: 180_000,
    hookTimeout: 180_000,
    maxWorkers: 2,
    setupFiles: ['tests/property-seed.ts'],
    // A machine that CI shares may stall for minutes; what needed this is named at the end.
    retry: process.env.CI === undefined ? 0 : 1,
  },
});
