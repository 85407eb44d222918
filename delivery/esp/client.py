"""Hands envelopes to a provider's API, a few at a time, with the same protocol as the SMTP client."""

import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from queue import Empty, SimpleQueue

from anymail.backends.base_requests import AnymailRequestsBackend
from anymail.exceptions import AnymailError

from delivery.esp.answers import Answer, refused, taken
from delivery.esp.mail import mail_of
from delivery.esp.providers import Account
from delivery.smtp import Broken, Capabilities, Envelope, Failure, Started, Unsent
from delivery.smtp.client import Observe
from delivery.smtp.exchange import Pull

# JSON carries any text.
_CAPABILITIES = Capabilities(eight_bit=True, smtputf8=True)
_FOREVER = float("inf")


class EspClient:
    """Delivers envelopes to one account; `connections` requests are under way at most, each on a connection kept open.

    Not thread-safe: one client belongs to one worker. After an exception from `pull`, `observe` or `tick` it must be closed.
    """

    def __init__(self, server: Account, *, connections: int = 4) -> None:
        self.server = server
        self._most = max(connections, 1)
        self._pool = ThreadPoolExecutor(self._most, thread_name_prefix="esp")
        self._idle: SimpleQueue[AnymailRequestsBackend] = SimpleQueue()

    @property
    def capabilities(self) -> Capabilities:
        """What the API takes."""
        return _CAPABILITIES

    def deliver(
        self,
        pull: Pull,
        observe: Observe,
        *,
        expected: int,
        tick: Callable[[], None] = lambda: None,
        every: float = 2,
        opens_at: Callable[[], float] = lambda: 0.0,
    ) -> Failure | None:
        """Send every envelope that `pull` gives until it gives None; the contract is that of `smtp.Client.deliver`.

        `Started` is reported before a request begins, so at most `connections` messages can be in doubt.
        """
        under_way: dict[Future[Answer], Envelope] = {}
        failure: Failure | None = None
        exhausted, wait_until = False, 0.0
        next_tick = time.monotonic() + every
        while True:
            now = time.monotonic()
            while failure is None and not exhausted and now >= wait_until and len(under_way) < self._most:
                envelope = pull(_CAPABILITIES)
                if envelope is None:
                    wait_until = opens_at() or _FOREVER
                    exhausted = wait_until == _FOREVER
                    break
                observe([Started(envelope.id)])
                under_way[self._pool.submit(self._send, envelope)] = envelope
            waits = failure is None and not exhausted
            if not under_way and not waits:
                return failure
            until = min(next_tick, wait_until) if waits and wait_until > now else next_tick
            done = self._wait_for(under_way, max(until - time.monotonic(), 0))
            if done:
                answers = [(under_way.pop(future), future.result()) for future in done]
                # The message has no part in the provider's refusing us, or in its being away.
                observe([Unsent(envelope) if answer.failure else answer.event for envelope, answer in answers])
                failure = failure or next((answer.failure for _, answer in answers if answer.failure), None)
            if time.monotonic() >= next_tick:
                tick()
                next_tick = time.monotonic() + every

    def close(self) -> None:
        """Let the requests that are under way end, and close all connections."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        while True:
            try:
                self._idle.get_nowait().close()
            except Empty:
                return

    def _wait_for(self, under_way: dict[Future[Answer], Envelope], seconds: float) -> set[Future[Answer]]:
        if not under_way:
            time.sleep(seconds)
            return set()
        return wait(under_way, timeout=seconds, return_when=FIRST_COMPLETED).done

    def _send(self, envelope: Envelope) -> Answer:
        """Send one message; runs in a thread, and whatever happens comes back as an answer."""
        label = self.server.provider.label
        try:
            backend = self._backend()
            mail = mail_of(envelope, self.server.provider)
        except Exception as error:  # noqa: BLE001 - nothing was sent yet
            return Answer(Broken(envelope.id, f"{label}: {type(error).__name__} before anything was sent"))
        try:
            backend.send_messages([mail])
            answer = taken(envelope.id, label, mail.anymail_status.recipients)  # type: ignore[attr-defined]  # anymail's
        except Exception as error:  # noqa: BLE001 - the thread must always answer
            answer = refused(envelope.id, label, error)
            if not isinstance(error, AnymailError):
                backend.close()
                return answer
        self._idle.put(backend)
        return answer

    def _backend(self) -> AnymailRequestsBackend:
        try:
            return self._idle.get_nowait()
        except Empty:
            backend = self.server.backend()
            backend.open()
            return backend
