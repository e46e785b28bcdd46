/** A Saturday afternoon: every test's now. */
export const NOW = Date.parse("2026-11-21T15:04:05.000Z");
