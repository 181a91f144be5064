"""`/healthz` and `/metrics`: whether all is well, for programs that ask often."""

import threading
from collections.abc import Iterator

import structlog

from controller.alerts import UNWELL
from controller.config_alerts import AlertSettings
from controller.errors import ConfigError
from controller.secrets import read_secret
from sync.alert_facts import standing
from sync.exposition import MEDIA, exposed
from sync.inbound import Answer, Arrival, Route
from sync.metrics import Tally, families
from sync.office import Office
from sync.vitals import Vitals, examine

log = structlog.get_logger(__name__)

_FRESH = 4.0  # seconds for which one look is good, however many ask
# What a proxy or a tunnel adds: whoever asked is somewhere else.
_PASSED_ON = ("forwarded", "x-forwarded-for", "x-real-ip", "cf-connecting-ip", "via")


class Health:
    """Looks at the office at most every few seconds. Any thread may use it."""

    def __init__(self, office: Office) -> None:
        self._office, self._guard = office, threading.Lock()
        self._settings = office.config.alerts or AlertSettings()
        self._seen: Vitals | None = None
        self._until = 0.0
        self._tally: Tally | None = None

    def vitals(self) -> Vitals:
        """As they are, or were a moment ago."""
        with self._guard:
            now = self._office.clock.monotonic()
            if self._seen is None or now >= self._until:
                self._seen, self._until = examine(self._office), now + _FRESH
            return self._seen

    def routes(self) -> Iterator[Route]:
        """What is served besides all else."""
        yield Route("GET", "/healthz", self.healthz)
        http = self._office.config.http
        if http.metrics:
            try:
                bearer = read_secret(http.metrics_token) if http.metrics_token else ""
            except ConfigError as error:
                log.critical("no metrics: their token cannot be read", error=str(error))
                return
            self._tally = Tally(self._office.place.journal)
            yield Route("GET", "/metrics", self.metrics, bearer)

    def healthz(self, _arrival: Arrival) -> Answer:
        """200 or 503, and nothing that helps a stranger."""
        kinds = {fact.kind for fact in standing(self._settings, self.vitals())}
        if kinds & UNWELL:
            return Answer(503, {"status": "degraded"})
        return Answer(200, {"status": "ok"})

    def metrics(self, arrival: Arrival) -> Answer:
        """To this machine alone, unless a token was demanded."""
        if not self._office.config.http.metrics_token and any(
            name in arrival.headers for name in _PASSED_ON
        ):
            why = "passed on by a proxy: [http] metrics_token is needed for that"
            return Answer(403, {"error": why})
        vitals = self.vitals()
        with self._guard:
            assert self._tally
            self._tally.look()
            counts = dict(self._tally.counts)
        kinds = [fact.kind for fact in standing(self._settings, vitals)]
        return Answer(200, exposed(families(vitals, counts, kinds)), media=MEDIA)
