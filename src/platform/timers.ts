// What timers can do.

/** Some 24 days: one that is to wait for longer ends at once. */
export const LONGEST_TIMER_MS = 2 ** 31 - 1;
