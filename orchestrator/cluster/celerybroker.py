"""The broker on Celery, and the workers that it wakes. All that touches Celery's SDK."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from celery import Celery, signals
from celery.apps.worker import Worker
from celery.platforms import SecurityWarning
from kombu import exceptions

from orchestrator.cluster.broker import BrokerAway

QUEUE = "nightcrew"
TASK = "nightcrew.take"
_CONNECT_S = 5.0


class CeleryBroker:
    """Sends to the broker at `url` (`redis://…`, and what else Celery speaks to)."""

    def __init__(self, url: str) -> None:
        self._app = _application(url)
        unused = self._app.connection_for_read()
        self._absent = unused.channel_errors
        self._gone: tuple[type[Exception], ...] = (exceptions.OperationalError, *unused.connection_errors)

    def send(self, number: int, ability: str = "") -> None:
        with self._answering():
            self._app.send_task(TASK, (number,), queue=queue_of(ability), retry=False)

    def waiting(self, ability: str = "") -> int:
        with self._answering(), self._app.connection_for_read() as connection:
            channel = connection.channel()
            try:
                return int(channel.queue_declare(queue_of(ability), passive=True).message_count)
            except self._absent:
                # A queue that never had a message, or has none now, is not there.
                return 0

    def nodes(self, wait_s: float = 1.0) -> tuple[str, ...]:
        """Ask which nodes answer within a moment. Raises `BrokerAway`."""
        with self._answering():
            answers = self._app.control.ping(timeout=wait_s) or ()
        return tuple(sorted(name for answer in answers for name in answer))

    def close(self) -> None:
        self._app.close()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Raise what goes wrong with the broker as `BrokerAway`."""
        try:
            yield
        except self._gone as error:
            cause = " ".join(str(error).split()) or type(error).__name__
            raise BrokerAway(f"the broker does not answer ({cause}): jobs wait in the store until it does") from error


def queue_of(ability: str) -> str:
    """Return the name of the queue from which workers with an ability are woken."""
    return f"{QUEUE}.{ability}" if ability else QUEUE


def work(
    url: str,
    take: Callable[[], object],
    processes: int,
    can: Iterable[str],
    started: Callable[[], None],
    ending: Callable[[], None],
) -> None:
    """Work until somebody ends it (SIGTERM, SIGINT): `take` is called in one of several processes for each message to who `can` this or that.

    `started` is called when they run, `ending` as soon as they are to end. A message is acknowledged when its `take` has ended; one of a
    process that died is given to another.
    """
    app = _application(url)

    def woken(number: int) -> None:
        del number
        take()

    def on_ready(**_: object) -> None:
        started()

    def on_shutdown(**_: object) -> None:
        ending()

    app.task(woken, name=TASK)
    # What it warns root of is pickle, which is not accepted here.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    signals.worker_ready.connect(on_ready)
    signals.worker_shutting_down.connect(on_shutdown)
    worker = Worker(
        app,
        concurrency=processes,
        pool="prefork",
        queues=[queue_of(each) for each in ("", *sorted(can))],
        loglevel="WARNING",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
    )
    try:
        worker.start()
    finally:
        signals.worker_ready.disconnect(on_ready)
        signals.worker_shutting_down.disconnect(on_shutdown)


def _application(url: str) -> Celery:
    app = Celery("nightcrew", broker=url, set_as_current=False)
    app.conf.update(
        broker_connection_retry_on_startup=True,
        broker_connection_timeout=_CONNECT_S,
        broker_transport_options={"socket_connect_timeout": _CONNECT_S, "socket_timeout": _CONNECT_S},
        task_acks_late=True,
        task_ignore_result=True,
        task_reject_on_worker_lost=True,
        task_serializer="json",
        accept_content=["json"],
        worker_prefetch_multiplier=1,
        worker_cancel_long_running_tasks_on_connection_loss=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
    )
    return app
