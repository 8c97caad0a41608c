// The bottom of the memory that the kernels import, and where the TypeScript heap begins.
//
//   0          1024                     __heap_base                       memory end
//   ├─ never ──┼─ constants of the ─────┼─ the TypeScript heap ───────────┤
//   │  written │  kernels (read only)   │  (src/memory, rounded up)       │
//
// Address 0 stays unused so that an empty tensor's pointer 0 is nobody's. Kernels own no writable static memory: two
// threads may run the same kernel over one memory. Whatever scratch they need is a pointer that the caller passes,
// and an export `<kernel>_scratch_bytes` tells its size.

/** First byte that belongs to the caller's heap. */
export function heap_base(): usize {
  return __heap_base;
}
