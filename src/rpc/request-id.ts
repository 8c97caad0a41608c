// Ids of requests: random and never 0, since a task refuses an id that it has seen and takes 0 for none.

/** Drawn many at a time: a step draws one for every tensor that it fetches. */
const pool = new BigInt64Array(512);
let left = 0;

export function requestId(): bigint {
  if (left === 0) {
    crypto.getRandomValues(pool);
    left = pool.length;
  }
  return pool[--left]! | 1n;
}
