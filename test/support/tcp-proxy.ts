// Between one who dials and one who listens: passes their bytes on until it is told to hold them, to be slow, or to cut
// a connection, at once or in the middle of what passes.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

/** `up` goes to who listens. */
export type Direction = "up" | "down";
export type Cut = "close" | "reset" | "half-close";

interface Link {
  readonly near: Socket;
  readonly far: Socket;
  /** Held whatever its proxy does. */
  held: boolean;
}

interface PlannedCut {
  readonly direction: Direction;
  readonly how: Cut;
  bytesLeft: number;
}

export class TcpProxy implements AsyncDisposable {
  readonly #links = new Set<Link>();
  readonly #stalled = new Set<Direction>();
  #planned: PlannedCut | null = null;
  #resumed: Promise<void> = Promise.resolve();
  #resume = () => {};
  /** Every piece waits for so long. */
  delayMs = 0;

  private constructor(
    readonly server: Server,
    readonly port: number,
  ) {}

  static async start(targetPort: number): Promise<TcpProxy> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const proxy = new TcpProxy(server, (server.address() as AddressInfo).port);
    server.on("connection", (near) => proxy.#join(near, targetPort));
    return proxy;
  }

  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Whether a cut still waits for its bytes. */
  get waitsToCut(): boolean {
    return this.#planned !== null;
  }

  /** Holds all that is on its way, and what comes later, that connections close included. */
  stall(...directions: readonly Direction[]): void {
    this.#hold();
    for (const direction of directions) this.#stalled.add(direction);
  }

  /** Holds the connections that are open, for ever: later ones pass. */
  silence(): void {
    this.#hold();
    for (const link of this.#links) link.held = true;
  }

  /** Undoes all but cuts and silence. */
  heal(): void {
    this.#planned = null;
    this.delayMs = 0;
    this.#stalled.clear();
    this.#resume();
  }

  cut(how: Cut, direction: Direction = "down"): void {
    for (const link of this.#links) cutLink(link, how, direction);
  }

  /** Cuts the connection by which the last of so many more bytes comes. */
  cutAfter(bytes: number, direction: Direction, how: Cut): void {
    this.#planned = { direction, how, bytesLeft: bytes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.heal();
    for (const { near, far } of this.#links) {
      near.destroy();
      far.destroy();
    }
    this.server.close();
    await once(this.server, "close");
  }

  #hold(): void {
    this.#resumed = new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  #join(near: Socket, port: number): void {
    const far = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    const link: Link = { near, far, held: false };
    this.#links.add(link);
    const both = [near, far].map(
      (socket) => new Promise((resolve) => socket.on("error", () => {}).on("close", resolve)),
    );
    void Promise.all(both).then(() => this.#links.delete(link));
    void this.#pass(link, near, far, "up");
    void this.#pass(link, far, near, "down");
  }

  async #pass(link: Link, from: Socket, to: Socket, direction: Direction): Promise<void> {
    try {
      for await (const piece of from.iterator({ destroyOnReturn: false })) {
        if (!(await this.#passable(link, direction))) return;
        if (this.delayMs > 0) await sleep(this.delayMs);
        const planned = this.#planned;
        if (planned?.direction === direction) {
          planned.bytesLeft -= piece.length;
          if (planned.bytesLeft <= 0) {
            this.#planned = null;
            to.write(piece.subarray(0, piece.length + planned.bytesLeft));
            cutLink(link, planned.how, direction);
            return;
          }
        }
        if (!to.write(piece) && !to.destroyed) await Promise.race([once(to, "drain"), once(to, "close")]);
      }
      if (await this.#passable(link, direction)) to.end();
    } catch {
      if (await this.#passable(link, direction)) to.destroy();
    }
  }

  /** Waits while the direction is stalled; `false` for a connection that is held. */
  async #passable(link: Link, direction: Direction): Promise<boolean> {
    while (this.#stalled.has(direction)) await this.#resumed;
    return !link.held;
  }
}

function cutLink({ near, far }: Link, how: Cut, direction: Direction): void {
  if (how === "half-close") {
    (direction === "up" ? far : near).end();
    return;
  }
  for (const socket of [near, far]) {
    if (how === "reset") socket.resetAndDestroy();
    else socket.destroy();
  }
}
