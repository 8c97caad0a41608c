// What a kernel needs while it computes: let go of together when it is done, and when an allocation among them fails.

interface Held {
  release(): void;
}

export function withTemporaries<R>(work: (keep: <H extends Held>(held: H) => H) => R): R {
  const kept: Held[] = [];
  try {
    return work((held) => {
      kept.push(held);
      return held;
    });
  } finally {
    for (const held of kept) held.release();
  }
}
