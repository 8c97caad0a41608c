// Reductions and gathers on a ring: the tensor is cut into as many pieces as there are members, and each piece wanders
// from member to member. A reduction goes round twice: in the first pass every member adds its own part, in the second
// the result is handed on. Pieces, keys and passes are those of TensorFlow's RingReduce and RingGather.
import { dtypeSize } from "../tensor/dtype.js";
import { type Part, together } from "./exchange.js";
import { chunkElements, type Ring } from "./ranks.js";

/** One piece on its way round one ring. */
interface Field {
  /** Index of the piece among those of its ring, and among all. */
  readonly chunk: number;
  readonly section: number;
  readonly at: number;
  readonly count: number;
  readonly ring: Ring;
  /** This member's place in the ring. */
  readonly rank: number;
}

export function ringReduce(part: Part, rings: readonly Ring[]): Promise<void> {
  const { output, group } = part;
  const length = chunkElements(output.size, group.members.length * rings.length, dtypeSize(output.dtype));
  return together(
    fieldsOf(part, rings, length).map((field) => reduceField(part, field)),
    part.exchange,
  );
}

export function ringGather(part: Part, rings: readonly Ring[]): Promise<void> {
  const length = part.output.size / part.group.members.length;
  return together(
    fieldsOf(part, rings, length).map((field) => passOn(part, field, 0, field.chunk)),
    part.exchange,
  );
}

/** Empty pieces stay at home. */
function fieldsOf({ output, own, group }: Part, rings: readonly Ring[], length: number): Field[] {
  const elementSize = dtypeSize(output.dtype);
  const fields: Field[] = [];
  for (let chunk = 0; chunk < group.members.length; chunk++) {
    rings.forEach((ring, i) => {
      const section = chunk * rings.length + i;
      const start = Math.min(output.size, section * length);
      const count = Math.min(output.size, start + length) - start;
      const at = output.ptr + start * elementSize;
      if (count > 0) fields.push({ chunk, section, at, count, ring, rank: ring.indexOf(own) });
    });
  }
  return fields;
}

async function reduceField(part: Part, field: Field): Promise<void> {
  const { chunk, at, count, ring, rank } = field;
  const size = ring.length;
  const { combine, exchange, output } = part;
  const bytes = count * dtypeSize(output.dtype);
  /** Where the piece is whole after the first pass. */
  const last = (chunk + size - 1) % size;
  if (rank !== chunk) {
    const received = part.scratch(count);
    try {
      await exchange.receive(before(ring, rank), keyOf(part, field, 0, -1), received.ptr, bytes);
      combine!.merge(at, received.ptr, count);
    } finally {
      received.release();
    }
    if (rank === last) combine!.finish?.(at, count);
  }
  if (rank !== last) await exchange.send(keyOf(part, field, 0, 0), at, bytes);
  await passOn(part, field, 1, last);
}

/** Hands a piece on that one member has: it begins at place `first` and ends at the place before. */
async function passOn(part: Part, field: Field, pass: number, first: number): Promise<void> {
  const { at, count, ring, rank } = field;
  const bytes = count * dtypeSize(part.output.dtype);
  if (rank !== first) {
    await part.exchange.receive(before(ring, rank), keyOf(part, field, pass, -1), at, bytes);
  }
  if ((rank + 1) % ring.length !== first) await part.exchange.send(keyOf(part, field, pass, 0), at, bytes);
}

/** The member that stands before a place. */
const before = (ring: Ring, rank: number): number => ring[(rank + ring.length - 1) % ring.length]!;

/** @param offset 0 for what this member sends, −1 for what the one before it does */
function keyOf({ execKey }: Part, { section, rank, ring }: Field, pass: number, offset: 0 | -1): string {
  return `${execKey}:${pass}:${section}:${(rank + offset + ring.length) % ring.length}`;
}
