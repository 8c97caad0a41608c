// Broadcasts on binary trees, as TensorFlow's HierarchicalTreeBroadcast: first from task to task, by one device of each,
// then within every task. A tree is over places; the source takes part at its own place and, unless it is the first,
// as the root above the first two.
import { type Part, together } from "./exchange.js";

interface Tree {
  /** Number of the tree in the keys. */
  readonly index: number;
  /** The member at each place. */
  readonly places: readonly number[];
  readonly source: number;
}

/** @param source index of the member whose value it is */
export async function broadcast(part: Part, source: number): Promise<void> {
  const { exchange, output, execKey, own } = part;
  for (const { index, places, source: root } of treesOf(part, source)) {
    const place = places.indexOf(own);
    if (place < 0) continue;
    const key = (from: number, to: number) => `${execKey}:${index}:${from}:${to}`;
    const parent = parentOf(place, root);
    const receive = async () => {
      if (parent < 0) return;
      await exchange.receive(places[parent]!, key(parent, place), output.ptr, output.bytes);
    };
    await together([receive()], exchange);
    const sends = childrenOf(place, root, places.length, own === source).map((child) =>
      exchange.send(key(place, child), output.ptr, output.bytes),
    );
    await together(sends, exchange);
  }
}

function treesOf({ group }: Part, source: number): Tree[] {
  const trees: Tree[] = [];
  const between: number[] = [];
  const many = group.devicesPerTask.length > 1 ? 1 : 0;
  let first = 0;
  let sourceTask = 0;
  group.devicesPerTask.forEach((count, task) => {
    const holdsSource = first <= source && source < first + count;
    if (holdsSource) sourceTask = task;
    between.push(holdsSource ? source : first);
    const places = Array.from({ length: count }, (_, i) => first + i);
    trees.push({ index: task + many, places, source: holdsSource ? source - first : 0 });
    first += count;
  });
  return many === 0 ? trees : [{ index: 0, places: between, source: sourceTask }, ...trees];
}

/** −1 for the source itself. */
function parentOf(place: number, source: number): number {
  if (place === source) return -1;
  if (source === 0) return (place - 1) >> 1;
  const parent = (place >> 1) - 1;
  return parent < 0 ? source : parent;
}

function childrenOf(place: number, source: number, size: number, isSource: boolean): number[] {
  const children: number[] = [];
  if (isSource && source !== 0) {
    if (size > 1) children.push(0);
    if (size > 2 && source !== 1) children.push(1);
  }
  const first = source === 0 ? 2 * place + 1 : 2 * (place + 1);
  for (const child of [first, first + 1]) if (child < size && child !== source) children.push(child);
  return children;
}
