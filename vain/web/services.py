"""What the handlers work with: one of each, made by ``vain.web.server``."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from vain.alarms import Alarms
from vain.codec import encode
from vain.duties import Duties
from vain.fleet.fleet import Fleet
from vain.fleet.machines import Machines
from vain.hub import Hub
from vain.inbox import Inbox
from vain.monitor import Monitor
from vain.notifier import Notifier
from vain.past import Past
from vain.pinging import Pinging
from vain.rulebook import RuleBook
from vain.samples import Sample
from vain.silences import Silences
from vain.store.keys import KeyRing
from vain.timelines import Timelines
from vain.tracker import Tracker
from vain.vigil import Vigil
from vain.visuals import Charts
from vain.web.assets import Asset
from vain.web.events import Fanout
from vain.web.exporter import Exporter
from vain.web.gate import Gate
from vain.web.library import Library
from vain.web.oauth import OAuth
from vain.web.readiness import Readiness


class SampleJson:
    """The newest sample as it is sent, encoded once for all who ask."""

    def __init__(self) -> None:
        self._sample: Sample | None = None
        self._body = b""
        self.headers: Mapping[str, str] = {}
        """That go with the sample that was encoded last: its entity tag."""

    def __call__(self, sample: Sample) -> bytes:
        if sample is not self._sample:
            self._sample, self._body = sample, encode(sample)
            self.headers = {"ETag": f'W/"{sample.timestamp}"'}
        return self._body


class Services(Struct, frozen=True):
    """Shared by all handlers; they keep no state of their own."""

    duties: Duties
    tracker: Tracker
    vigil: Vigil
    pinging: Pinging
    inbox: Inbox
    monitor: Monitor
    past: Past
    fleet: Fleet
    machines: Machines
    notifier: Notifier
    rulebook: RuleBook
    silences: Silences
    alarms: Alarms
    hub: Hub
    charts: Charts
    timelines: Timelines
    keys: KeyRing
    gate: Gate
    assets: Mapping[str, Asset]
    sample_json: SampleJson
    fanout: Fanout
    exporter: Exporter
    readiness: Readiness
    library: Library
    oauth: OAuth | None

    def as_of(self, seq: int | None) -> dict[str, str]:
        """The headers that say up to which event an answer goes: who subscribes since then misses nothing."""
        return {} if seq is None else {"X-Vain-Epoch": self.hub.epoch, "X-Vain-Seq": str(seq)}
