// @ts-check
/**
 * vAIn's stream for browsers, workers and Node: every event once and in order, through lost connections and restarts.
 *
 *   import { watch } from "/static/vain.js";
 *   for await (const event of watch({ types: ["taskUpdate"] })) console.log(event.task_id, event.status);
 *
 * No dependency; `vain.d.ts` beside this file has the types. docs/stream.md tells the protocol.
 * @module vain
 */

const PROTOCOL = "vain.v1";
const KEY_PROTOCOL = "vain.bearer.";
const SHORTEST_PAUSE_MS = 200;
const LONGEST_PAUSE_MS = 10_000;
/** The server says something every 15 seconds. */
const SILENT_MS = 45_000;
const LOOK_MS = 5_000;
/** So many events may wait for the program; then the connection is given up until it has taken them. */
const MOST_WAITING = 1_000;
/** Streams by the types of their events. */
const STREAMS = {
  taskUpdate: "tasks",
  notification: "notifications",
  performanceUpdate: "performance",
  visualizationUpdate: "visualizations",
};
/** Codes of the end that would be the same the next time: the key is missing or has ended, or may not do this. */
const REFUSALS = [4401, 4403];

/** The server will not have this watch: the next try would end the same way. */
export class Refused extends Error {
  /**
   * @param {number} code
   * @param {string} detail
   * @param {import("./vain.js").Flaw[]} errors
   */
  constructor(code, detail, errors = []) {
    super(detail);
    this.name = "Refused";
    this.code = code;
    this.errors = errors;
  }
}

/**
 * Follows a vAIn server; see `Options` in vain.d.ts.
 *
 * The result is an async iterator of events. With `onEvent` each is given to that function instead, one after another:
 * if it returns a promise, the next event waits for it.
 * @param {import("./vain.js").Options} [options]
 * @param {(event: import("./vain.js").Event, watch: Watch) => unknown} [onEvent]
 * @returns {Watch}
 */
export function watch(options = {}, onEvent) {
  const made = new Watch(options);
  if (onEvent) deliver(made, onEvent);
  else made.ended.catch(() => {}); // the iterator throws it
  return made;
}

/** @typedef {{epoch: string, seq: number}} Position */

/** Where a watch is in the stream, and what of what comes is news: no socket, no clock. */
export class Reader {
  /** @param {import("./vain.js").Options} options */
  constructor(options) {
    const types = options.types ?? Object.keys(STREAMS);
    const unknown = types.filter((type) => !(type in STREAMS));
    if (unknown.length || !types.length) {
      throw new TypeError(`types: [${types}] is not some of ${Object.keys(STREAMS).join(", ")}`);
    }
    this.types = new Set(types);
    this.filter = present(options.filter);
    this.wantsSnapshot = Boolean(options.snapshot);
    /** @type {Position | null} */
    this.position = options.since == null ? null : parsed(options.since);
    this.isPlaced = false;
    this.retrySeconds = 0;
    /** @type {Map<number, import("./vain.js").Task>} */
    this.tasks = new Map();
  }

  /** Whether every numbered event is wanted, so that a missing number is a missing event. */
  get isWhole() {
    return !this.filter && this.types.has("taskUpdate") && this.types.has("notification");
  }

  /** The first message of a new connection. */
  subscription() {
    this.isPlaced = false;
    this.retrySeconds = 0;
    this.tasks.clear();
    const streams = Object.entries(STREAMS).filter(([type]) => this.types.has(type)).map(([, stream]) => stream);
    const message = { type: "subscribe", streams, ...(this.filter ? { filter: this.filter } : {}) };
    if (!this.position) return { ...message, snapshot: this.wantsSnapshot };
    return { ...message, since: this.position.seq, epoch: this.position.epoch };
  }

  /**
   * What a message tells, if it is news. Throws Refused, and Lost when an event is missing.
   * @param {any} message
   * @returns {import("./vain.js").Event | null}
   */
  take(message) {
    const position = this.isPlaced ? this.position : null;
    switch (message.type) {
      case "snapshot": return this.#snapshot(message);
      case "resumed": return this.#resumed(message);
      case "bookmark": return position && this.#moved(position, message.seq);
      case "goaway": this.retrySeconds = message.retry_seconds ?? 0; return null;
      case "error": throw refusal(message);
      default: return position && this.types.has(message.type) ? this.#event(position, message) : null;
    }
  }

  /** @param {any} message */
  #snapshot(message) {
    this.isPlaced = false;
    for (const task of message.tasks) this.tasks.set(task.task_id, task);
    for (const task_id of message.removed ?? []) this.tasks.delete(task_id);
    if (message.more) return null;
    const { type, timestamp, epoch, seq, reset = false, reason = null } = message;
    const tasks = [...this.tasks.values()];
    this.tasks.clear();
    this.#place(epoch, seq);
    return { type, timestamp, epoch, seq, reset, reason, tasks };
  }

  /** @param {Position} answered */
  #resumed({ epoch, seq }) {
    const { position } = this;
    if (position && (position.epoch !== epoch || position.seq !== seq)) throw new Lost(`it went on after ${seq}`);
    this.#place(epoch, seq);
    return null;
  }

  /** @param {string} epoch @param {number} seq */
  #place(epoch, seq) {
    this.position = { epoch, seq };
    this.isPlaced = true;
  }

  /** @param {Position} position @param {number} seq */
  #moved({ epoch, seq: last }, seq) {
    if (seq <= last) return null;
    if (this.isWhole) throw new Lost(`the server is at ${seq}, and what came last was ${last}`);
    this.position = { epoch, seq };
    return null;
  }

  /** @param {Position} position @param {any} message */
  #event({ epoch, seq: last }, message) {
    const { seq } = message;
    if (seq === undefined) return message;
    if (seq <= last) return null;
    if (seq > last + 1 && this.isWhole) throw new Lost(`event ${seq} came after ${last}`);
    this.position = { epoch, seq };
    return message;
  }
}

/** One watch; made by `watch`. An async iterator, for one loop. */
export class Watch {
  #reader;
  #options;
  #address;
  #WebSocket;
  /** @type {WebSocket | null} */
  #socket = null;
  /** @type {{event: import("./vain.js").Event, position: string}[]} */
  #waiting = [];
  /** @type {(() => void)[]} */
  #wakers = [];
  /** @type {string | null} */
  #position = null;
  #mostPauseMs = SHORTEST_PAUSE_MS;
  /** @type {any} */
  #timer;
  #heardAt = 0;
  /** @type {any} */
  #look;
  /** @type {import("./vain.js").State} */
  #state = "connecting";
  /** @type {Refused | null} */
  #failure = null;
  /** @type {{resolve: () => void, reject: (failure: Error) => void}} */
  #settle;
  #onAbort = () => this.close();

  /** @param {import("./vain.js").Options} options */
  constructor(options) {
    this.#options = options;
    this.#reader = new Reader(options);
    this.#position = this.#reader.position && written(this.#reader.position);
    this.#address = socketAddress(options.url);
    this.#WebSocket = options.WebSocket ?? globalThis.WebSocket;
    if (!this.#WebSocket) throw new TypeError("there is no WebSocket here: give one as `WebSocket` (Node before 22)");
    /** @type {any} */
    let settle;
    /** Resolves when the watch was closed; rejects with Refused. @type {Promise<void>} */
    this.ended = new Promise((resolve, reject) => { settle = { resolve, reject }; });
    this.#settle = settle;
    options.signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (options.signal?.aborted) this.close();
    else this.#connect();
  }

  /** Where the watch is: after the event that it gave last. As `since` it goes on there, also another day. */
  get position() { return this.#position; }

  /** "connecting", "live", "waiting" (for the next try), "full" (the program is behind) or "ended". */
  get state() { return this.#state; }

  [Symbol.asyncIterator]() { return this; }

  /** @returns {Promise<IteratorResult<import("./vain.js").Event, undefined>>} */
  async next() {
    for (;;) {
      const given = this.#waiting.shift();
      if (given) {
        this.#position = given.position;
        if (this.#state === "full" && !this.#waiting.length) this.#connect();
        return { value: given.event, done: false };
      }
      if (this.#failure) {
        const failure = this.#failure;
        this.#failure = null;
        throw failure;
      }
      if (this.#state === "ended") return { value: undefined, done: true };
      await new Promise((resolve) => this.#wakers.push(/** @type {() => void} */ (resolve)));
    }
  }

  /** A loop that is left by `break` ends the watch. @returns {Promise<IteratorReturnResult<undefined>>} */
  async return() {
    this.close();
    return { value: undefined, done: true };
  }

  /** Ends the watch, and the loop over its events. Twice is once. */
  close() {
    this.#waiting = [];
    this.#end(null);
  }

  #connect() {
    this.#tell("connecting");
    const protocols = [PROTOCOL];
    if (this.#options.key != null) protocols.push(KEY_PROTOCOL + base64url(this.#options.key));
    /** @type {WebSocket} */
    const socket = new this.#WebSocket(this.#address, protocols);
    this.#socket = socket;
    this.#heardAt = Date.now();
    this.#look ??= setInterval(() => this.#lookIfSilent(), LOOK_MS);
    socket.onopen = () => {
      if (socket.protocol !== PROTOCOL) this.#end(new Refused(0, `what answers does not speak ${PROTOCOL}`));
      else socket.send(JSON.stringify(this.#reader.subscription()));
    };
    socket.onmessage = ({ data }) => this.#heard(data);
    socket.onclose = ({ code, reason }) => {
      if (REFUSALS.includes(code)) this.#end(new Refused(code, reason || `the server closed with ${code}`));
      else this.#retry();
    };
    socket.onerror = () => this.#retry(); // not everywhere does `onclose` follow a handshake that failed
  }

  /** @param {string} data */
  #heard(data) {
    this.#heardAt = Date.now();
    try {
      const event = this.#reader.take(JSON.parse(data));
      if (this.#reader.isPlaced && this.#state !== "live") {
        this.#mostPauseMs = SHORTEST_PAUSE_MS;
        this.#tell("live");
      }
      this.#give(event);
    } catch (error) {
      if (error instanceof Refused) this.#end(error);
      else this.#retry(); // an event is missing, or what came cannot be read
    }
  }

  /** @param {import("./vain.js").Event | null} event */
  #give(event) {
    if (this.#state === "ended") return; // `onState` closed it
    if (!this.#reader.isPlaced || !this.#reader.position) return;
    const position = written(this.#reader.position);
    const last = this.#waiting.at(-1);
    if (event) this.#waiting.push({ event, position });
    else if (last) last.position = position;
    else this.#position = position;
    if (event) this.#wake();
    if (this.#waiting.length >= MOST_WAITING) {
      this.#hangUp();
      this.#tell("full");
    }
  }

  #retry() {
    this.#hangUp();
    const most = Math.max(this.#mostPauseMs, this.#reader.retrySeconds * 1000);
    this.#mostPauseMs = Math.min(2 * this.#mostPauseMs, LONGEST_PAUSE_MS);
    this.#tell("waiting");
    // Full jitter: a hundred pages must not all come back in the same moment after a restart.
    if (this.#state !== "ended") this.#timer = setTimeout(() => this.#connect(), Math.random() * most);
  }

  #lookIfSilent() {
    if (this.#socket && Date.now() - this.#heardAt > SILENT_MS) this.#retry();
  }

  #hangUp() {
    const socket = this.#socket;
    this.#socket = null;
    if (!socket) return;
    // The end of a dead connection may take minutes to be noticed: nobody waits for it.
    socket.onopen = socket.onmessage = socket.onclose = null;
    socket.onerror = () => {}; // some implementations throw without a listener
    socket.close();
  }

  /** @param {Refused | null} failure */
  #end(failure) {
    if (this.#state === "ended") return;
    this.#hangUp();
    clearTimeout(this.#timer);
    clearInterval(this.#look);
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#failure = failure;
    if (failure) this.#settle.reject(failure);
    else this.#settle.resolve();
    this.#tell("ended");
    this.#wake();
  }

  /** @param {import("./vain.js").State} state */
  #tell(state) {
    if (state === this.#state && state !== "connecting") return;
    this.#state = state;
    this.#options.onState?.(state);
  }

  #wake() {
    for (const wake of this.#wakers.splice(0)) wake();
  }
}

/** The connection is no longer worth anything; the next one goes on from the position. */
class Lost extends Error {}

/**
 * @param {Watch} watch
 * @param {(event: import("./vain.js").Event, watch: Watch) => unknown} onEvent
 */
async function deliver(watch, onEvent) {
  try {
    for await (const event of watch) {
      try {
        await onEvent(event, watch);
      } catch (error) {
        // As an event listener's: seen by whoever watches for errors, and no end of the stream.
        queueMicrotask(() => { throw error; });
      }
    }
  } catch {
    // `ended` tells it.
  }
}

/** @param {any} problem */
function refusal({ status = 400, title, detail, errors }) {
  const text = detail || title || "the server refused the subscription";
  return status >= 500 ? new Lost(text) : new Refused(status, text, errors ?? []);
}

/** @param {Position} position */
function written({ epoch, seq }) {
  return `${epoch}:${seq}`;
}

/** @param {string} text @returns {Position} */
function parsed(text) {
  const found = /^(.+):(\d{1,16})$/s.exec(text);
  if (!found) throw new TypeError(`since: ${JSON.stringify(text)} is no position such as "a1b2c3:812"`);
  return { epoch: found[1], seq: Number(found[2]) };
}

/** What is given of a filter; null for none. @param {import("./vain.js").Filter} [filter] */
function present(filter) {
  const given = Object.entries(filter ?? {}).filter(([, value]) => value != null);
  return given.length ? Object.fromEntries(given) : null;
}

/** @param {string | URL} [url] */
function socketAddress(url) {
  const base = url == null ? new URL("..", import.meta.url) : new URL(`${String(url).replace(/\/+$/, "")}/`);
  if (!/^https?:$/.test(base.protocol)) {
    throw new TypeError(`url: the address of the server, such as "http://localhost:5006", is expected (not ${base})`);
  }
  const address = new URL("ws/tasks", base);
  address.protocol = base.protocol.replace("http", "ws");
  return address.href;
}

/** @param {string} text */
function base64url(text) {
  const bytes = new TextEncoder().encode(text);
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}
