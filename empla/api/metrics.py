"""What Prometheus reads: how long answers took by operation, how the pools stand, how cycles keep up. One registry for each app."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from empla.employees import schedule
from empla.employees.schedule import Pace
from empla.memory.spent import spent
from empla.storage.database import Database

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
# Of seconds: p50, p95 and p99 are read off them.
_BUCKETS = (
    0.001,
    0.002,
    0.003,
    0.005,
    0.0075,
    0.01,
    0.015,
    0.025,
    0.04,
    0.06,
    0.1,
    0.25,
    0.5,
    1.0,
    2.5,
    5.0,
    10.0,
    30.0,
)


class Metrics:
    """The figures of one app."""

    def __init__(self, database: Database) -> None:
        """Nothing is asked of the database before somebody looks."""
        self._database = database
        self._registry = CollectorRegistry()
        self._seconds = Histogram(
            "empla_request_seconds",
            "Seconds from a request's head to the last byte of its answer",
            ["operation"],
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self._answers = Counter("empla_requests", "Requests answered", ["operation", "status"], registry=self._registry)
        self.listeners = Gauge("empla_listeners", "Streams that are open", registry=self._registry)
        self._registry.register(_Standing(database, self))
        self.pace: Pace | None = None

    def answered(self, operation: str, status: int, seconds: float) -> None:
        """One more."""
        self._seconds.labels(operation).observe(seconds)
        self._answers.labels(operation, f"{status // 100}xx" if status else "none").inc()

    async def read(self) -> bytes:
        """As Prometheus wants it."""
        self.pace = await schedule.pace(self._database)
        return generate_latest(self._registry)


class _Standing(Collector):
    """What is not counted, but looked at."""

    def __init__(self, database: Database, metrics: Metrics) -> None:
        self._database = database
        self._metrics = metrics

    def collect(self) -> Iterator[Metric]:
        pool = GaugeMetricFamily("empla_pool_connections", "Connections to the database", labels=["pool", "state"])
        for each in self._database.pools:
            pool.add_metric([each.name, "free"], each.free)
            pool.add_metric([each.name, "used"], each.size - each.free)
            pool.add_metric([each.name, "waited_for"], each.waiting)
        yield pool
        yield GaugeMetricFamily(
            "empla_statements", "Messages to the database in transactions", value=self._database.statements
        )
        time = spent(self._database)
        yield CounterMetricFamily("empla_recalls", "Questions to a memory", value=time.recalls)
        parts = CounterMetricFamily(
            "empla_recall_seconds", "Seconds of recalling, by what they went into", labels=["part"]
        )
        for part, seconds in time.seconds.items():
            parts.add_metric([part], seconds)
        yield parts
        if self._metrics.pace is not None:
            pace = self._metrics.pace
            yield GaugeMetricFamily("empla_cycles_due", "Employees who are due, and nobody's turn", value=pace.due)
            yield GaugeMetricFamily("empla_cycles_running", "Employees whose cycle runs", value=pace.running)
            yield GaugeMetricFamily("empla_cycles_lag_seconds", "Since when the longest waiting is due", value=pace.lag)
