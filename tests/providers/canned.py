"""A transport that keeps what would have been sent and gives the answer it was told."""

from dataclasses import dataclass, field

from providers.transport import Answer


@dataclass
class Canned:
    """Stands where the transport stands."""

    body: bytes = b""
    status: int = 200
    sent: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def send(self, method, url, *, headers=None, body=b"", allow_insecure_host="", secrets=()):
        self.sent.append((method, url, dict(headers or {}), body))
        return Answer(self.status, {}, self.body)
