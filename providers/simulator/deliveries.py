"""Sends callbacks as a provider does: at once or later, again until the merchant answers as agreed, not for
ever.
"""

import contextlib
import http.client
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from payclear.kernel.clock import Clock
from providers.simulator.protocol import OutboundCall, Protocol
from providers.simulator.truth import Delivery, Truth

_ANSWER_LIMIT = 4_096


class Deliveries:
    """A dispatcher thread and four senders over the queue in `Truth`."""

    def __init__(
        self,
        truth: Truth,
        clock: Clock,
        protocols: Mapping[str, Protocol],
        *,
        retry_interval_s: float | None,
        timeout_s: float,
    ) -> None:
        self._truth = truth
        self._clock = clock
        self._protocols = protocols
        self._retry_interval_s = retry_interval_s
        self._timeout_s = timeout_s
        self._wake = threading.Condition()
        self._landed = threading.Condition()
        self._flying = 0
        self._stopping = False
        self._pool = ThreadPoolExecutor(max_workers=4, thread_name_prefix="callback")
        self._thread = threading.Thread(target=self._run, name="callbacks", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what is being sent and stop."""
        with self._wake:
            self._stopping = True
            self._wake.notify()
        if self._thread.is_alive():
            self._thread.join()
        self._pool.shutdown(wait=True)

    def wake(self) -> None:
        """Say that the queue has changed."""
        with self._wake:
            self._wake.notify()

    def settle(self, timeout_s: float) -> bool:
        """Wait until nothing that is due now is unsent or under way; False after `timeout_s`."""
        self.wake()
        with self._landed:
            return self._landed.wait_for(lambda: not self._flying and not self._is_due(), timeout_s)

    def _is_due(self) -> bool:
        due = self._truth.next_due()
        return due is not None and due <= self._clock.now().timestamp()

    def send_held_now(self, provider: str, attempt_ref: str) -> None:
        """Send what is held for an attempt in the calling thread, each once."""
        while (delivery := self._truth.claim_held(provider, attempt_ref)) is not None:
            self._send(delivery)

    def _run(self) -> None:
        while True:
            for protocol in tuple(self._protocols.values()):
                protocol.before_each_look()
            with self._wake:
                if self._stopping:
                    return
                # Claimed under the lock, so that no wake() falls between a look and the wait.
                with self._landed:  # nobody may see it neither waiting nor under way
                    delivery = self._truth.claim_due(self._clock.now().timestamp())
                    self._flying += delivery is not None
                if delivery is None:
                    due = self._truth.next_due()
                    left = 1.0 if due is None else due - self._clock.now().timestamp()
                    # Waits end early by wake(); the limit lets a moved clock be noticed.
                    self._wake.wait(left if 0 < left < 1.0 else 1.0)
                    continue
            self._pool.submit(self._fly, delivery)

    def _fly(self, delivery: Delivery) -> None:
        try:
            self._send(delivery)
        finally:
            with self._landed:
                self._flying -= 1
                self._landed.notify_all()

    def _send(self, delivery: Delivery) -> None:
        protocol = self._protocols.get(delivery.provider)
        if protocol is None:  # queued by an earlier run that spoke more protocols
            self._truth.delivered(delivery, state="given_up", answer="no such protocol", due_at=0.0)
            return
        call = OutboundCall(
            method=delivery.method,
            url=delivery.url,
            headers=delivery.headers,
            body=delivery.body,
            key=delivery.key,
        )
        try:
            status, body = _request(protocol.at_sending(call, self._clock.now()), self._timeout_s)
            answer = f"{status} {body.decode('utf-8', 'replace')}"
            done = protocol.is_acknowledged(status, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            answer, done = type(error).__name__, False
        last = delivery.tries >= protocol.retry.tries_max
        state = "done" if done else "given_up" if last else "waiting"
        gap_s = protocol.retry.gap_s(delivery.tries)
        if self._retry_interval_s is not None:
            gap_s = self._retry_interval_s
        due_at = self._clock.now().timestamp() + gap_s
        self._truth.delivered(delivery, state=state, answer=answer, due_at=due_at)
        self.wake()


def _request(call: OutboundCall, timeout_s: float) -> tuple[int, bytes]:
    """Send what is in the queue, byte for byte: a library that tidies URLs would spoil a signed query."""
    parts = urlsplit(call.url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    with contextlib.closing(kind(parts.netloc, timeout=timeout_s)) as connection:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(call.method, target, body=call.body or None, headers=dict(call.headers))
        with connection.getresponse() as response:
            return response.status, response.read(_ANSWER_LIMIT)
