"""The server from start to end: everything is made here, in order, and ended here, in the other order."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from vain import source
from vain.about import Teller, version
from vain.alarms import Alarms
from vain.alerting.channel import ChannelForm
from vain.context import Context
from vain.delivery import Deliveries
from vain.duties import Duties
from vain.errors import Misconfigured
from vain.fleet.everywhere import Everywhere
from vain.fleet.fleet import Fleet
from vain.fleet.machines import Machines
from vain.history import History
from vain.hub import Hub
from vain.identity import boot_id, host
from vain.inbox import Inbox
from vain.marks import ServerMarks
from vain.monitor import Monitor
from vain.notifier import ErrorNotices, Notifier
from vain.others import Elsewhere
from vain.past import Past
from vain.pinging import Pinging
from vain.posts import Alone, Among, Post
from vain.recorder import Recorder
from vain.resumption import Resumption
from vain.rulebook import NO_FILE, RuleBook, read_rule_file
from vain.sampler import Sampler
from vain.sampler.trees import ProcessTrees
from vain.samples import Sample
from vain.setting_types import Settings
from vain.silences import Silences
from vain.source import LocalSource, Watching
from vain.spikes import Spikes
from vain.store.database import Store
from vain.store.folder import server_id
from vain.store.keys import KeyRing
from vain.store.metrics.archive import Archives
from vain.store.metrics.retention import Keep
from vain.store.metrics.store import MetricStore
from vain.store.opening import archives, opened
from vain.timelines import Timelines
from vain.tracker import Tracker
from vain.types import Event
from vain.vigil import Vigil
from vain.visuals import Charts
from vain.watch import Watch
from vain.web.assets import read_assets
from vain.web.caretaker import Caretaker
from vain.web.desk import Desk
from vain.web.event_socket import socket_application
from vain.web.events import Fanout
from vain.web.exchange import DISCARDED_BYTES, NAME_HEADER, PEER_HEADER, ROLE_HEADER
from vain.web.exporter import Exporter
from vain.web.gate import Gate, require_key
from vain.web.library import Library
from vain.web.limits import limits_of
from vain.web.listening import LOOPBACK, Front, Listener, is_address_of, listen
from vain.web.mounts import Dashboard, Mounts
from vain.web.oauth import oauth_of
from vain.web.pages import find_pages
from vain.web.places import raise_files
from vain.web.proxies import Proxies
from vain.web.readiness import Readiness
from vain.web.services import SampleJson, Services
from vain.web.table import table
from vain.web.tally import Tally

logger = logging.getLogger(__name__)

DashboardLoader = Callable[[], Dashboard]

HEADER_BYTES = 16 << 10
DRAIN_SECONDS = 10.0
FILES_FOR_HOSTS = 32_768
"""Five for each machine with an agent, beside those of connections; what the system gives is enough for fewer."""
FIRST_SAMPLE_SECONDS = 1.0
SECRET_NAME = "session.secret"  # noqa: S105  (a file's name)


class Server:
    """One server process: store, sampler, gate, routes, dashboard. ``start`` and ``stop`` belong to the event loop."""

    def __init__(
        self, settings: Settings, dashboard: DashboardLoader | None, begin_anew: Callable[[], None] = lambda: None
    ) -> None:
        """``begin_anew``: called when nothing that it knows holds any more, and another has to take its place."""
        self._settings, self._dashboard, self._begin_anew = settings, dashboard, begin_anew
        self._ends: list[Callable[[], object]] = []
        """How to end what was started, in the order of starting; what returns an awaitable is awaited."""
        self._tally = Tally()
        self.port = 0

    @property
    def url(self) -> str:
        """Where a browser on this machine finds it."""
        host = self._settings.host
        shown = "localhost" if host in (*LOOPBACK, "0.0.0.0", "::") else host  # noqa: S104  (only compared)
        return f"http://{shown}" + ("" if self.port == 80 else f":{self.port}")

    async def start(self) -> None:
        """Open the data folder, listen, and begin to sample. Ends what it had begun when a step fails."""
        try:
            await self._start()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End everything, the last begun first."""
        while self._ends:
            try:
                result = self._ends.pop()()
                if asyncio.iscoroutine(result):
                    await result
            except Exception:
                logger.exception("A part of the server did not end well")

    async def _start(self) -> None:
        settings = self._settings
        self._loop = asyncio.get_running_loop()
        keys = KeyRing.open(settings.data_dir, store_url=settings.store_url)
        self._ends.append(keys.close)
        require_key(settings.host, keys, bool(settings.trusted_proxies), signs_in=settings.oauth_provider is not None)
        sockets = listen(settings.host, settings.port)
        self._ends.extend(opened.close for opened in sockets)
        self.port = sockets[0].getsockname()[1]

        store = self._open_store()
        duties = self._join_others(store)
        sampler = Sampler(settings.data_dir)
        self._ends.append(sampler.close)
        histories = archives(settings.data_dir, settings.store_url)
        self._ends.append(lambda: asyncio.to_thread(histories.close))
        fleet = await self._open_fleet(store, histories)
        recorder, past = self._open_history(histories, fleet, duties)
        watch = Watch(ProcessTrees(sampler.gpus), host(), boot_id(), self._on_gone_elsewhere)
        self._ends.append(watch.close)
        period = settings.interval_seconds
        monitor = Monitor(sampler, recorder, period, lambda: store.counts, self._on_sample_elsewhere, watch=watch)
        duties.exchange("hosts", lambda: fleet.told(monitor.latest, version(), period), fleet.heard)
        tracker, vigil, pinging = await self._follow_tasks(store, watch, fleet, duties)
        await duties.start()
        spikes = Spikes(
            store, past, lambda: _cores(monitor), period, is_here=lambda name: not fleet.knows(name), host=host()
        )
        machines = Machines(store, fleet, past, spikes)
        rulebook, silences, alarms = await self._make_alarms(store, past, machines, vigil, fleet, duties)
        reads = rulebook.read_again, silences.read_again, pinging.start, partial(asyncio.to_thread, keys.refresh)
        self._follow_others(store, tracker, vigil, reads)
        inbox = Inbox(settings.spool_dir, tracker, partial(is_address_of, settings, self.port))
        charts = Charts(tracker, past.window, self._hub)
        timelines = Timelines(store, self._hub)
        gate = Gate((*settings.allow_hosts, settings.host), self.port, keys, other_origins=settings.allow_origins)
        fanout = Fanout(self._hub, store, gate)
        self._services = Services(
            duties,
            tracker,
            vigil,
            pinging,
            inbox,
            monitor,
            past,
            fleet,
            machines,
            self._notifier,
            rulebook,
            silences,
            alarms,
            self._hub,
            charts,
            timelines,
            keys,
            gate,
            read_assets(),
            SampleJson(),
            fanout,
            Exporter(store, self._hub, self._tally, fanout.count_clients, fleet.count, leads=duties.leads_others),
            Readiness(store, monitor, settings.interval_seconds),
            Library(table().table),
            oauth_of(settings, keys, keys.secret(SECRET_NAME)),
        )
        self._desk = self._make_desk(fanout)
        fanout.watch = self._desk.watch
        await self._begin(monitor, fanout)
        self._offer_source(recorder.history)
        self._ends.append(self._desk.mounts.stop)
        self._take_requests(sockets, fanout)

    async def _begin(self, monitor: Monitor, fanout: Fanout) -> None:
        """What happens by the clock, and the first sample."""
        self._caretaker = Caretaker(self._services, fanout, self._desk)
        await self._caretaker.start()
        self._ends.append(self._caretaker.stop)
        monitor.start()
        self._ends.append(lambda: asyncio.to_thread(monitor.stop))
        # So that whoever asks at once finds a sample; a machine that takes longer is no reason not to answer.
        await asyncio.to_thread(monitor.wait_for_first, FIRST_SAMPLE_SECONDS)

    def _follow_others(
        self, store: Store, tracker: Tracker, vigil: Vigil, reads: Sequence[Callable[[], Awaitable[None]]]
    ) -> None:
        others = Elsewhere(tracker, vigil, self._hub, reads, self._begin_anew)
        self._ends.append(others.close)
        store.follow_others(others)

    def _offer_source(self, history: History) -> None:
        """What the pages read, in this process."""
        settings, made = self._settings, self._services
        source.use(
            LocalSource(
                host(),
                settings.interval_seconds,
                made.tracker,
                made.monitor,
                history,
                self._notifier,
                self._hub,
                made.charts,
                made.timelines,
                Watching(made.rulebook, made.silences, made.alarms),
                Teller(settings, self.port, made.keys, made.past, made.duties.leads_others).read,
                made.fleet,
                made.machines,
            )
        )
        self._ends.append(lambda: source.use(None))

    def _open_store(self) -> Store:
        store = Store(opened(self._settings.data_dir, self._settings.store_url), self._publish)
        self._ends.append(lambda: asyncio.to_thread(store.close))
        self._hub = Hub(store.epoch, store.seq)
        self._notifier = Notifier(store, self._hub)
        self._ends.append(self._notifier.close)
        errors = ErrorNotices(self._notifier, self._loop)
        logging.getLogger("vain").addHandler(errors)
        self._ends.append(lambda: logging.getLogger("vain").removeHandler(errors))
        return store

    def _join_others(self, store: Store) -> Duties:
        duties = Duties(store.group(), host())
        self._ends.append(duties.close)
        return duties

    async def _open_fleet(self, store: Store, histories: Archives) -> Fleet:
        raise_files(FILES_FOR_HOSTS)
        server = server_id(self._settings.data_dir) if store.is_shared else ""
        fleet = Fleet(store, histories, host(), self._keep(), server=server)
        await fleet.start()
        self._ends.append(fleet.close)
        return fleet

    async def _follow_tasks(
        self, store: Store, here: Watch, fleet: Fleet, duties: Duties
    ) -> tuple[Tracker, Vigil, Pinging]:
        watch = self._everywhere = Everywhere(here, fleet)
        marks = ServerMarks(watch.all_costs)
        tracker = Tracker(store, marks=marks)
        vigil = Vigil(tracker, watch, leads=lambda: duties.leads)
        pinging = Pinging(store, tracker, marks=marks)
        duties.exchange("beats", vigil.beats_told, vigil.beats_heard)
        duties.exchange("parts", watch.parts_told, watch.parts_heard)
        await vigil.start()
        self._ends.append(vigil.close)
        await pinging.start()
        return tracker, vigil, pinging

    async def _make_alarms(
        self, store: Store, past: Past, machines: Machines, vigil: Vigil, fleet: Fleet, duties: Duties
    ) -> tuple[RuleBook, Silences, Alarms]:
        """What fired before fires again before the first sample is judged; then whoever is told outside."""
        settings = self._settings
        file = NO_FILE if settings.rules_file is None else read_rule_file(settings.rules_file)
        rulebook, silences = RuleBook(store, file), Silences(store, file.silences)
        await rulebook.start()
        await silences.start()
        where = fleet.whereabouts
        running = partial(
            vigil.running_names, lambda task: not fleet.knows(task.host) or where.has(task.task_id, fleet.own_host)
        )
        alarms = Alarms(
            store, rulebook, silences, settings.interval_seconds, running, Context(machines.explain),
            more=fleet.silence, post=_post_of(duties),
        )  # fmt: skip
        begun = duties.current
        await alarms.start(Resumption(past).resume)
        self._ends.append(alarms.close)
        channels = dict(file.channels)
        if settings.webhook is not None:
            channels["webhook"] = ChannelForm(webhook=settings.webhook)
        deliveries = Deliveries(
            store, self._hub, channels, self.url + settings.prefix,
            secret=settings.webhook_secret, window=machines.window, may_tell=lambda: duties.leads,
        )  # fmt: skip
        if begun[0]:
            await deliveries.start()
        self._ends.append(deliveries.close)

        async def take_over() -> None:
            await alarms.take_over()
            if duties.leads != deliveries.is_running:
                await (deliveries.start() if duties.leads else deliveries.leave())
            if duties.leads:
                await vigil.take_over()

        duties.attend(take_over, begun)
        return rulebook, silences, alarms

    def _open_history(self, histories: Archives, fleet: Fleet, duties: Duties) -> tuple[Recorder, Past]:
        """Of this machine: what is written, and what is read."""
        settings = self._settings
        metrics = MetricStore(
            histories.own(host()), settings.interval_seconds, self._keep(), writes=lambda: duties.judges_machine
        )
        self._ends.append(lambda: asyncio.to_thread(metrics.close))
        recorder, past = Recorder(metrics, History(), settings.interval_seconds, more=fleet.silence), Past(metrics)
        self._ends.append(lambda: asyncio.to_thread(recorder.close))
        self._ends.append(lambda: asyncio.to_thread(past.close))
        return recorder, past

    def _keep(self) -> Keep:
        settings = self._settings
        return Keep(
            settings.keep_raw_seconds,
            settings.keep_minutes_seconds,
            settings.keep_hours_seconds,
            settings.history_bytes,
        )

    def _make_desk(self, fanout: Fanout) -> Desk:
        routes = table()
        pages = find_pages(self._settings.pages_dir, routes.table) if self._dashboard is not None else {}
        secret = self._services.keys.secret(SECRET_NAME)
        stream, viewer = socket_application(fanout, ROLE_HEADER, PEER_HEADER), (ROLE_HEADER, NAME_HEADER)
        mounts = Mounts(stream, self._dashboard, pages, secret, viewer, (), self._tally)
        limits, prefix = limits_of(self._settings), self._settings.prefix
        if prefix and (routes.find(prefix) or mounts.find(prefix)):
            raise Misconfigured(f"--prefix {prefix} would hide what is at {prefix}: another path would be right.")
        proxies = Proxies(self._settings.trusted_proxies, prefix)
        return Desk(routes, self._services.gate, mounts, self._services, self._tally, limits, proxies)

    def _take_requests(self, sockets: list[socket.socket], fanout: Fanout) -> None:
        http = Listener(Front(self._desk), max_body_size=DISCARDED_BYTES, max_header_size=HEADER_BYTES)
        # Desk.end_overdue does it for all connections together.
        http.conn_params.header_timeout = None
        http.forget = self._desk.no_longer_await
        http.take = self._desk.take_connection
        http.add_sockets(sockets)
        self._ends.append(http.close_all_connections)
        self._ends.append(fanout.close)
        self._ends.append(self._drain)
        self._ends.append(fanout.close_streams)
        self._ends.append(http.stop)

    async def _drain(self) -> None:
        """Wait until every exchange that was begun is answered."""
        self._desk.draining = True
        self._services.past.store.stop_importing()
        try:
            await asyncio.wait_for(self._desk.idle(), DRAIN_SECONDS)
        except TimeoutError:
            logger.warning("%d requests were not answered in time", len(self._desk.under_way))

    def _publish(self, events: list[Event]) -> None:
        self._hub.publish(events)

    def _on_sample_elsewhere(self, sample: Sample) -> None:
        """Called in the monitor's thread."""
        self._loop.call_soon_threadsafe(self._on_sample, sample)

    def _on_gone_elsewhere(self, task_id: int, attempt: int, kind: str, exit_code: int | None) -> None:
        """Called in the monitor's thread."""
        self._loop.call_soon_threadsafe(lambda: self._services.vigil.gone(task_id, attempt, kind, exit_code))

    def _on_sample(self, sample: Sample) -> None:
        if sample.period_seconds is None:
            self._services.fleet.resumed()
            self._services.vigil.resumed()  # it is the first, or the machine slept
        self._everywhere.take_look()
        self._services.alarms.take(sample)
        body = self._services.sample_json(sample)
        self._hub.replace("performanceUpdate", b'{"type":"performanceUpdate",' + body[1:])


def _post_of(duties: Duties) -> Post:
    if not duties.is_shared:
        return Alone()
    return Among(host(), lambda: duties.leads, lambda: duties.judges_machine)


def _cores(monitor: Monitor) -> int | None:
    return None if monitor.latest is None else monitor.latest.cpu.cores_logical
