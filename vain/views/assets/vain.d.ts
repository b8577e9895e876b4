/** vAIn's stream for browsers, workers and Node; docs/stream.md tells what it promises. */

export type EventType = "taskUpdate" | "notification" | "performanceUpdate" | "visualizationUpdate";
export type Event = TaskUpdate | NotificationMessage | PerformanceUpdate | VisualizationUpdate | Snapshot;

/** "full": the program is so far behind that the connection rests until it has taken what waits. */
export type State = "connecting" | "live" | "waiting" | "full" | "ended";

export interface Options {
  /** The address of the server, such as "http://localhost:5006"; else that which this module was loaded from. */
  url?: string | URL;
  /** Which events, by the names of the wire; all of them, if not given. */
  types?: EventType[];
  /** A `position` of an earlier watch, to go on from; else it begins now. */
  since?: string | null;
  /** All tasks as they are come first, in a snapshot (not with `since`). */
  snapshot?: boolean;
  /** What tasks must be like, all of it; a change that takes a task out of that comes as well, with `matches: false`. */
  filter?: Filter;
  /** An API key, for a server that has keys; a page of the server itself has its cookie. */
  key?: string;
  /** Ends the watch, as `close` does. */
  signal?: AbortSignal;
  /** Told whenever the state changes. */
  onState?: (state: State) => void;
  /** Where there is no global WebSocket (Node before 22). */
  WebSocket?: any;
}

/** All tasks that the watch asks for, as they were after event `seq`; what comes next follows it. */
export interface Snapshot {
  type: "snapshot";
  timestamp: string;
  epoch: string;
  seq: number;
  /** Events between the watch's position and this snapshot are not to be had any more. */
  reset: boolean;
  reason: "epoch" | "ahead" | "expired" | null;
  tasks: Task[];
}

export interface Flaw {
  detail: string;
  /** A JSON pointer into the subscription. */
  pointer?: string;
}

/** The server will not have this watch: its key is missing or has ended (4401), may not do this (4403), or a filter is wrong. */
export class Refused extends Error {
  code: number;
  errors: Flaw[];
}

/**
 * Follows a server: each change of a task and each notification once and in order, through lost connections and
 * restarts; samples and charts while connected. Events that are not to be had any more are told by a snapshot with
 * `reset`.
 *
 * An async iterator, for one loop; with `onEvent` each event is given to that function, the next one after it.
 */
export function watch(options?: Options, onEvent?: (event: Event, watch: Watch) => unknown): Watch;

export class Watch implements AsyncIterableIterator<Event> {
  /** Where the watch is: after the event that it gave last; as `since` it goes on there. Null before the first answer. */
  readonly position: string | null;
  readonly state: State;
  /** Resolves when the watch was closed; rejects with Refused. */
  readonly ended: Promise<void>;
  /** Ends the watch, and the loop over its events. Twice is once. */
  close(): void;
  next(): Promise<IteratorResult<Event, undefined>>;
  return(): Promise<IteratorResult<Event, undefined>>;
  [Symbol.asyncIterator](): this;
}

// From here on made of vain/messages.py by `python -m tests.typescript`.

/** Which share (0 to 1) of what the machine used belongs to tasks; the rest belongs to none. */
export interface Attribution {
  cpu_share: number | null;
  memory_share: number | null;
  read_share: number | null;
  written_share: number | null;
  hidden_processes: number | null;
  tasks: Array<TaskUse>;
}

/** `data` is columnar, all columns of one length: `x`, one for each of `y`, and what else the chart needs. */
export interface Chart {
  id: string;
  type: string;
  title: string;
  x: string;
  y: Array<string>;
  units: Record<string, string>;
  data: Record<string, Array<string | number | null>>;
  left_out?: number;
}

/** The processors; percentages are of all of them. */
export interface Cpu {
  percent: number | null;
  user_percent: number | null;
  system_percent: number | null;
  iowait_percent: number | null;
  steal_percent: number | null;
  core_percent: Array<number | null>;
  cores_logical: number | null;
  cores_physical: number | null;
  load_1m: number | null;
  load_5m: number | null;
  load_15m: number | null;
  limit_cores: number | null;
  limit_percent: number | null;
}

/** A file system: its size and how full it is. */
export interface Disk {
  mount: string;
  device: string;
  filesystem: string;
  total_bytes: number | null;
  used_bytes: number | null;
  free_bytes: number | null;
  percent: number | null;
  reachable: boolean;
}

/** The traffic of one disk. */
export interface DiskDevice {
  device: string;
  read_bytes_per_second: number | null;
  written_bytes_per_second: number | null;
}

/** The traffic of all disks, and of each. */
export interface DiskIo {
  read_bytes_per_second: number | null;
  written_bytes_per_second: number | null;
  reads_per_second: number | null;
  writes_per_second: number | null;
  devices: Array<DiskDevice>;
}

/** When a task is expected to end, as a range, and what that rests on. */
export interface Eta {
  at: string;
  low: string;
  high: string;
  basis: string;
}

/** Which tasks: all that is given must hold. Of several values any is right, of several tags all are needed. */
export interface Filter {
  task_id?: number | Array<number>;
  status?: "completed" | "in-progress" | "pending" | Array<"completed" | "in-progress" | "pending">;
  priority?: "high" | "low" | "medium" | Array<"high" | "low" | "medium">;
  outcome?: "cancelled" | "crashed" | "failed" | "skipped" | "succeeded" | "timed-out" | Array<"cancelled" | "crashed" | "failed" | "skipped" | "succeeded" | "timed-out">;
  tag?: string | Array<string>;
  key?: string | Array<string>;
  parent_id?: number | Array<number>;
  host?: string | Array<string>;
  q?: string;
}

/** One GPU. */
export interface Gpu {
  index: number;
  name: string;
  percent: number | null;
  memory_used_bytes: number | null;
  memory_total_bytes: number | null;
  temperature_celsius: number | null;
  power_watts: number | null;
}

/** What the processes of a task have used on one host; what is left out is unknown. */
export interface HostResources {
  cpu_seconds?: number | null;
  cpu_percent?: number | null;
  cpu_percent_peak?: number | null;
  rss_bytes?: number | null;
  rss_peak_bytes?: number | null;
  pss_bytes?: number | null;
  pss_peak_bytes?: number | null;
  read_bytes?: number | null;
  written_bytes?: number | null;
  threads?: number | null;
  processes?: number | null;
  gpu_memory_bytes?: number | null;
  gpu_memory_peak_bytes?: number | null;
  gpu_percent?: number | null;
  basis?: Record<string, string>;
  since?: string | null;
}

/** Main memory and swap. */
export interface Memory {
  total_bytes: number | null;
  available_bytes: number | null;
  used_bytes: number | null;
  percent: number | null;
  swap_total_bytes: number | null;
  swap_used_bytes: number | null;
  swap_percent: number | null;
  limit_bytes: number | null;
  limit_used_bytes: number | null;
  limit_percent: number | null;
}

/** The sums leave out loopback and what stands on other interfaces (bridges, tunnels): no byte counts twice. */
export interface Network {
  received_bytes_per_second: number | null;
  sent_bytes_per_second: number | null;
  errors_per_second: number | null;
  interfaces: Array<NetworkInterface>;
}

/** The traffic of one interface. */
export interface NetworkInterface {
  interface: string;
  received_bytes_per_second: number | null;
  sent_bytes_per_second: number | null;
}

/** Something that a person should know. */
export interface NotificationMessage {
  type: "notification";
  notification_id: number;
  timestamp: string;
  kind: string;
  level: "error" | "info" | "warning";
  title: string;
  message: string;
  task_id: number | null;
  metric: string | null;
  value: number | null;
  threshold: number | null;
  tasks: Array<number>;
  quiet: boolean;
  read: boolean;
  rule: string | null;
  since: string | null;
  duration_seconds: number | null;
  fired_by: number | null;
  shares: Array<TaskPart>;
  processes: Array<ProcessPart>;
  url: string | null;
  channels: Array<string> | null;
  host: string | null;
  seq: number;
}

/** What vAIn itself uses. `cpu_percent` is of one core, so it can exceed 100. */
export interface Own {
  cpu_percent: number | null;
  memory_bytes: number | null;
  threads: number | null;
  sampling_seconds: number | null;
  late_ticks: number;
  dropped_samples: number;
}

/** A sample of the machine: what `GET /performance` answers. Newest-wins: it has no number. */
export interface PerformanceUpdate {
  type: "performanceUpdate";
  cpu_usage: number | null;
  memory_usage: number | null;
  disk_usage: number | null;
  uptime: number | null;
  timestamp: string;
  host: string;
  period_seconds: number | null;
  cpu: Cpu;
  memory: Memory;
  disks: Array<Disk>;
  disk_io: DiskIo;
  network: Network;
  pressure: Pressure;
  gpus: Array<Gpu>;
  sensors: Array<Sensor>;
  tasks: TaskCounts;
  self: Own;
  attribution: Attribution | null;
  missing: Record<string, "asleep" | "clock-set" | "first" | "late" | "not-stored" | "reset" | "stopped" | "unknown" | "unreachable" | "unread">;
}

/** Share of the last 10 s in which some (or all) work waited for a resource (Linux pressure stall information). */
export interface Pressure {
  cpu_some_percent: number | null;
  memory_some_percent: number | null;
  memory_full_percent: number | null;
  io_some_percent: number | null;
  io_full_percent: number | null;
}

/** What those of a task's fields were before a change that a filter may ask for; the status stands by itself. */
export interface Previous {
  name?: string;
  description?: string;
  message?: string;
  tags?: Array<string>;
  priority?: "high" | "low" | "medium";
  outcome?: "cancelled" | "crashed" | "failed" | "skipped" | "succeeded" | "timed-out" | null;
  key?: string | null;
  parent_id?: number | null;
  source?: TaskSource | null;
  hosts?: Array<string>;
}

/** One of the processes that used most then; `task_id` is that of its task, if it is of one. */
export interface ProcessPart {
  pid: number;
  name: string;
  share: number | null;
  task_id: number | null;
}

/** What all processes of a task have used since it started, on all hosts; unknown is None. */
export interface Resources {
  cpu_seconds: number | null;
  cpu_percent: number | null;
  cpu_percent_peak: number | null;
  rss_bytes: number | null;
  rss_peak_bytes: number | null;
  pss_bytes: number | null;
  pss_peak_bytes: number | null;
  read_bytes: number | null;
  written_bytes: number | null;
  threads: number | null;
  processes: number | null;
  gpu_memory_bytes: number | null;
  gpu_memory_peak_bytes: number | null;
  gpu_percent: number | null;
  basis: Record<string, string>;
  since: string | null;
  hosts: Record<string, HostResources> | null;
}

/** One temperature. */
export interface Sensor {
  name: string;
  temperature_celsius: number | null;
}

/** A piece of work. The first five fields are the user's contract; `docs/rest.md` explains the others. */
export interface Task {
  task_id: number;
  name: string;
  status: "completed" | "in-progress" | "pending";
  priority: "high" | "low" | "medium";
  created_at: string;
  description: string;
  message: string;
  tags: Array<string>;
  progress: number | null;
  current: number | null;
  total: number | null;
  unit: string | null;
  outcome: "cancelled" | "crashed" | "failed" | "skipped" | "succeeded" | "timed-out" | null;
  exit_code: number | null;
  error: TaskError | null;
  key: string | null;
  parent_id: number | null;
  due_at: string | null;
  expect_next_in: number | null;
  metadata: Record<string, string | boolean | number>;
  source: TaskSource | null;
  started_at: string | null;
  completed_at: string | null;
  updated_at: string | null;
  heartbeat_at: string | null;
  version: number;
  attempt: number;
  stale: boolean;
  overdue: boolean;
  eta: Eta | null;
  resources: Resources | null;
}

/** How many tasks there are, by status; `failed` are those of `completed` that did not succeed. */
export interface TaskCounts {
  pending: number;
  in_progress: number;
  completed: number;
  failed: number;
  overdue: number;
}

/** What went wrong in a task that failed. */
export interface TaskError {
  type: string;
  message: string;
  traceback: string | null;
}

/** A task that ran then, and its part (0 to 1) of what the metric measures; None: not known. */
export interface TaskPart {
  task_id: number;
  name: string;
  share: number | null;
}

/** The process that does the work. Never its environment. */
export interface TaskSource {
  host: string | null;
  pid: number | null;
  pid_started_at: string | null;
  boot_id: string | null;
  command: string | null;
  kind: string | null;
}

/** A task was created, changed or deleted: the whole task as it is now (a deleted one as it last was). */
export interface TaskUpdate {
  type: "taskUpdate";
  task_id: number;
  name: string;
  status: "completed" | "in-progress" | "pending";
  priority: "high" | "low" | "medium";
  created_at: string;
  description: string;
  message: string;
  tags: Array<string>;
  progress: number | null;
  current: number | null;
  total: number | null;
  unit: string | null;
  outcome: "cancelled" | "crashed" | "failed" | "skipped" | "succeeded" | "timed-out" | null;
  exit_code: number | null;
  error: TaskError | null;
  key: string | null;
  parent_id: number | null;
  due_at: string | null;
  expect_next_in: number | null;
  metadata: Record<string, string | boolean | number>;
  source: TaskSource | null;
  started_at: string | null;
  completed_at: string | null;
  updated_at: string | null;
  heartbeat_at: string | null;
  version: number;
  attempt: number;
  stale: boolean;
  overdue: boolean;
  eta: Eta | null;
  resources: Resources | null;
  seq: number;
  timestamp: string;
  action: "created" | "deleted" | "updated";
  changed: Array<string>;
  previous_status: "completed" | "in-progress" | "pending" | null;
  previous: Previous;
  matches?: boolean;
}

/** What one running task uses now, and has used. */
export interface TaskUse {
  task_id: number;
  cpu_seconds: number | null;
  cpu_percent: number | null;
  rss_bytes: number | null;
  rss_peak_bytes: number | null;
  read_bytes_per_second: number | null;
  written_bytes_per_second: number | null;
  gpu_memory_bytes: number | null;
}

/** The charts of `GET /visualizations` that changed. Newest-wins for each chart. */
export interface VisualizationUpdate {
  type: "visualizationUpdate";
  timestamp: string;
  charts: Array<Chart>;
}
