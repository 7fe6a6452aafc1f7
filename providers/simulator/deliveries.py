"""Sends callbacks as a provider does: at once or later, again until the merchant answers as agreed, not for
ever.
"""

import contextlib
import hashlib
import hmac
import http.client
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from payclear.kernel.clock import Clock
from providers.simulator.truth import Delivery, Truth

_ANSWER_LIMIT = 4_096


class Deliveries:
    """A dispatcher thread and four senders over the queue in `Truth`."""

    def __init__(
        self, truth: Truth, clock: Clock, *, retry_interval_s: float, tries_max: int, timeout_s: float
    ) -> None:
        self._truth = truth
        self._clock = clock
        self._retry_interval_s = retry_interval_s
        self._tries_max = tries_max
        self._timeout_s = timeout_s
        self._wake = threading.Condition()
        self._stopping = False
        self.before_each_look: list[Callable[[], None]] = []
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

    def send_held_now(self, attempt_ref: str) -> None:
        """Send what is held for an attempt in the calling thread, each once."""
        while (delivery := self._truth.claim_held(attempt_ref)) is not None:
            self._send(delivery)

    def _run(self) -> None:
        while True:
            for prepare in self.before_each_look:
                prepare()
            with self._wake:
                if self._stopping:
                    return
                due = self._truth.next_due()
                now = self._clock.now().timestamp()
                if due is None or due > now:
                    # Waits end early by wake(); the limit lets a moved clock be noticed.
                    self._wake.wait(1.0 if due is None else min(due - now, 1.0))
                    continue
            delivery = self._truth.claim_due(now)
            if delivery is not None:
                self._pool.submit(self._send, delivery)

    def _send(self, delivery: Delivery) -> None:
        stamp = str(int(self._clock.now().timestamp()))
        headers = _signed_headers(delivery, stamp) if delivery.key else {}
        try:
            status, body = _request(delivery, headers, self._timeout_s)
            answer = f"{status} {body.decode('utf-8', 'replace')}"
            done = _ENDS[delivery.provider](status, body)
        except (OSError, http.client.HTTPException, ValueError) as error:
            answer, done = type(error).__name__, False
        last = delivery.tries >= self._tries_max
        state = "done" if done else "given_up" if last else "waiting"
        due_at = self._clock.now().timestamp() + self._retry_interval_s
        self._truth.delivered(delivery, state=state, answer=answer, due_at=due_at)
        self.wake()


def _signed_headers(delivery: Delivery, stamp: str) -> dict[str, str]:
    message = stamp.encode("ascii") + b"." + delivery.body
    mac = hmac.new(delivery.key.encode("utf-8"), message, hashlib.sha256).hexdigest()
    return {
        "content-type": "application/json",
        "x-sandbox-timestamp": stamp,
        "x-sandbox-signature": f"sha256={mac}",
    }


def _request(delivery: Delivery, headers: dict[str, str], timeout_s: float) -> tuple[int, bytes]:
    """Send what is in the queue, byte for byte: a library that tidies URLs would spoil a signed query."""
    parts = urlsplit(delivery.url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    with contextlib.closing(kind(parts.netloc, timeout=timeout_s)) as connection:
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(delivery.method, target, body=delivery.body or None, headers=headers)
        with connection.getresponse() as response:
            return response.status, response.read(_ANSWER_LIMIT)


def _vnpay_ends(status: int, body: bytes) -> bool:
    """VNPAY stops calling on RspCode 00 and 02 and nothing else."""
    if status != 200:
        return False
    with contextlib.suppress(ValueError):
        answer = json.loads(body)
        return isinstance(answer, dict) and answer.get("RspCode") in ("00", "02")
    return False


def _sandbox_ends(status: int, body: bytes) -> bool:
    return 200 <= status < 300


_ENDS: dict[str, Callable[[int, bytes], bool]] = {"vnpay": _vnpay_ends, "sandbox": _sandbox_ends}
