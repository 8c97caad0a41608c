// What can happen to a cluster: each fault is drawn whole, so that its line in the log tells all of it, then done and
// undone.
import { setTimeout as sleep } from "node:timers/promises";
import type { Cut, Direction } from "../support/tcp-proxy.js";
import type { ProxiedCluster } from "./proxied-cluster.js";
import type { Random } from "./random.js";

export interface Fault {
  readonly text: string;
  /** Tasks whose state it ends. */
  readonly kills: readonly string[];
  /** Resolves when everything can be as it was before, with whether it came to pass. */
  happen(cluster: ProxiedCluster): Promise<boolean>;
}

export interface Setting {
  /** Silence after which tasks give each other up. */
  readonly silenceMs: number;
  /** The task that the client dials. */
  readonly master: string;
}

/** Large tensors come to workers, from who listens; all else is small. */
const MOST_BYTES = { up: 20_000, down: 12_000_000, small: 10_000 };
/** A cut that waits for bytes that don't come is called off. */
const CUT_WAITS_MS = 1_500;
const CUTS: readonly Cut[] = ["close", "reset", "half-close"];
const DIRECTIONS: readonly Direction[] = ["up", "down"];

type Draw = (random: Random, cluster: ProxiedCluster, setting: Setting) => Fault;

const nameOf = (random: Random, cluster: ProxiedCluster): string => random.pick([...cluster.tasks.keys()]);
/** One that the client's steps take. */
const roadOf = (random: Random, cluster: ProxiedCluster, { master }: Setting): string =>
  random.pick([...cluster.roads.keys()].filter((road) => road.includes(master)));

/** Shorter than tasks are patient, or longer. */
const spell = (random: Random, { silenceMs }: Setting): number =>
  random.next() < 0.4 ? random.between(50, silenceMs / 2) : random.between(1.5 * silenceMs, 2.5 * silenceMs);

const ends: Draw = (random, cluster) => {
  const task = nameOf(random, cluster);
  const signal = random.pick(["SIGKILL", "SIGKILL", "SIGTERM"] as const);
  const goneMs = random.between(0, 300);
  return {
    text: `${task} ends by ${signal} and is back after ${goneMs} ms`,
    kills: [task],
    async happen() {
      await cluster.endTask(task, signal);
      await sleep(goneMs);
      await cluster.startTask(task);
      return true;
    },
  };
};

const stops: Draw = (random, cluster, setting) => {
  const task = nameOf(random, cluster);
  const ms = spell(random, setting);
  return {
    text: `${task} is stopped for ${ms} ms`,
    kills: [],
    async happen() {
      cluster.pauseTask(task);
      await sleep(ms);
      cluster.resumeTask(task);
      return true;
    },
  };
};

const isCut: Draw = (random, cluster, setting) => {
  const road = roadOf(random, cluster, setting);
  const [how, direction] = [random.pick(CUTS), random.pick(DIRECTIONS)];
  const most = MOST_BYTES[road.startsWith("worker") ? direction : "small"];
  // In the middle of a tensor as often as in what goes before it.
  const bytes = random.next() < 0.5 ? random.magnitude(most) : random.between(1, most);
  return {
    text: `${road} is cut (${how}) after ${bytes} bytes ${direction}`,
    kills: [],
    async happen() {
      const proxy = cluster.roads.get(road)!;
      proxy.cutAfter(bytes, direction, how);
      const since = performance.now();
      while (proxy.waitsToCut && performance.now() - since < CUT_WAITS_MS) await sleep(5);
      const happened = !proxy.waitsToCut;
      proxy.heal();
      return happened;
    },
  };
};

const stalls: Draw = (random, cluster, setting) => {
  const road = roadOf(random, cluster, setting);
  const directions = random.pick([DIRECTIONS, ["up"], ["down"]] as const);
  const ms = spell(random, setting);
  return {
    text: `${road} passes nothing ${directions.join(" and ")} for ${ms} ms`,
    kills: [],
    async happen() {
      const proxy = cluster.roads.get(road)!;
      proxy.stall(...directions);
      await sleep(ms);
      proxy.heal();
      return true;
    },
  };
};

const isSlow: Draw = (random, cluster, setting) => {
  const road = roadOf(random, cluster, setting);
  const ms = random.between(5, 60);
  return {
    text: `${road} is late by ${ms} ms a piece`,
    kills: [],
    async happen() {
      const proxy = cluster.roads.get(road)!;
      proxy.delayMs = ms;
      await sleep(10 * ms);
      proxy.heal();
      return true;
    },
  };
};

const KINDS: readonly Draw[] = [ends, ends, stops, stops, isCut, isCut, isCut, isCut, stalls, stalls, isSlow];

const drawOne: Draw = (random, cluster, setting) => random.pick(KINDS)(random, cluster, setting);

/** Two at once, but no task ends twice. */
const two: Draw = (random, cluster, setting) => {
  const one = drawOne(random, cluster, setting);
  let other = drawOne(random, cluster, setting);
  while (other.kills.some((task) => one.kills.includes(task))) other = drawOne(random, cluster, setting);
  return {
    text: `${one.text}, and ${other.text}`,
    kills: [...one.kills, ...other.kills],
    async happen() {
      const happened = await Promise.all([one.happen(cluster), other.happen(cluster)]);
      return happened.includes(true);
    },
  };
};

export const drawFault: Draw = (random, cluster, setting) =>
  (random.next() < 0.25 ? two : drawOne)(random, cluster, setting);
