// Files of events as writers of summaries leave them.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { frameRecord } from "../../src/io/record.js";
import { Event } from "../../src/wire/io.js";

/** The events of the only such file in a folder. */
export async function eventsIn(path: string): Promise<Event[]> {
  const names = (await readdir(path)).filter((name) => name.startsWith("events."));
  assert.is(names.length, 1);
  assert.match(names[0]!, /^events\.out\.tfevents\.\d{10}\./);
  const bytes = await readFile(join(path, names[0]!));
  const events: Event[] = [];
  for (let at = 0; at < bytes.length; ) {
    const record = bytes.subarray(at + 12, at + 12 + bytes.readUInt32LE(at));
    assert.equal(bytes.subarray(at, at + record.length + 16), Buffer.from(frameRecord(record)));
    events.push(Event.decode(record));
    at += record.length + 16;
  }
  return events;
}
