"""Forged messages by the hundred thousand: seeded mutations of genuine ones, each with what was done to it.

Called by `forgery`. A mutant differs from every genuine message in at least one byte. `mutations` is the short list of
single changes, field by field; here several are mixed, and the encodings are attacked too. Pure; the seed decides all.
"""

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random

from payclear.contract.conformance import tampering
from payclear.contract.conformance.raw_messages import (
    Leaf,
    Spot,
    encoded,
    plain,
    read_form,
    read_json,
    spots,
    text_of,
    within,
)
from payclear.contract.conformance.tampering_forms import tampered_form
from payclear.contract.conformance.tampering_json import tampered_json
from payclear.contract.messages import InboundRequest

# What the way from the provider to us adds by itself; no signature may rest on it.
CARRIER_HEADERS = frozenset(
    {"host", "content-length", "connection", "accept-encoding", "accept", "user-agent"}
)
_TAILS = (b"\x00", b" ", b"\n", b"&", b"&=", b"#", b"}", b"{}", b",", b"\xff", b"\xef\xbb\xbf", b"&x=1")
_AGES_S = (-86_400 * 400, -86_400, -3_600, -301, -61, -1, 1, 61, 301, 3_600, 86_400, 86_400 * 400)
_CHARSETS = ("utf-16", "utf-8", "utf-7", "utf-32")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One forged message and what was done to it."""

    request: InboundRequest
    deeds: tuple[str, ...]


@dataclass(slots=True)
class _Draft:
    """A mutant in the making. It hits the fields that the signature leaves open, or all others."""

    rng: Random
    request: InboundRequest
    uncovered: frozenset[str]
    hits_open: bool
    deeds: list[str] = field(default_factory=list)

    def may_hit(self, name: str) -> bool:
        """Whether a field of a form may be hit."""
        return (name in self.uncovered) == self.hits_open

    def open_spots(self, found: Sequence[Spot]) -> list[Spot]:
        """The spots that may be hit. A name that is left open outside is covered where it stands deeper."""
        outermost: dict[str, int] = {}
        for spot in found:
            outermost[spot.name] = min(outermost.get(spot.name, spot.depth), spot.depth)
        return [
            spot
            for spot in found
            if (spot.name in self.uncovered and spot.depth == outermost[spot.name]) == self.hits_open
        ]


class Forger:
    """Makes mutants of genuine messages. Fields that the signature leaves open are hit alone or not at all."""

    def __init__(
        self, genuine: Sequence[InboundRequest], *, uncovered: Sequence[str] = (), seed: str
    ) -> None:
        self._genuine = list(genuine)
        self._uncovered = frozenset(uncovered)
        self._rng = Random(seed)  # noqa: S311  (chance that can be repeated, nothing secret)
        fields = [each for request in genuine for each in fields_of(request)]
        self._texts = sorted({text for name, text in fields if not tampering.is_signature(name, text)})
        self._signatures = sorted({text for name, text in fields if tampering.is_signature(name, text)})

    def mutants(self, count: int) -> Iterator[Mutant]:
        """So many mutants, no two alike; fewer when the messages have not as many."""
        seen = {_identity(request) for request in self._genuine}
        made = 0
        for _ in range(count * 20):
            if made == count:
                return
            mutant = self._mutant()
            identity = _identity(mutant.request)
            if identity not in seen:
                seen.add(identity)
                made += 1
                yield mutant

    def _mutant(self) -> Mutant:
        rng = self._rng
        hits_open = bool(self._uncovered) and rng.random() < 0.1
        draft = _Draft(rng, rng.choice(self._genuine), self._uncovered, hits_open)
        for _ in range(rng.choices((1, 2, 3), (60, 28, 12))[0]):
            if hits_open:
                self._hit_content(draft, whole=False)
            else:
                self._hit(draft)
        return Mutant(draft.request, tuple(draft.deeds))

    def _hit(self, draft: _Draft) -> None:
        headers = [name for name in draft.request.headers if name not in CARRIER_HEADERS]
        signing = [name for name in headers if name != "content-type"]
        times = {"content": 16, "header": 6 if signing else len(headers), "envelope": 1, "bytes": 2}
        match draft.rng.choices(list(times), list(times.values()))[0]:
            case "content":
                self._hit_content(draft, whole=True)
            case "header":
                self._hit_header(draft, draft.rng.choice(headers))
            case "envelope":
                _hit_envelope(draft)
            case _:
                _hit_bytes(draft)

    def _hit_content(self, draft: _Draft, *, whole: bool) -> None:
        """Change the body or the query: one value of it, or (whole) its make-up."""
        request = draft.request
        if request.body and (not request.query_string or draft.rng.random() < 0.8):
            text = request.body.decode("utf-8", "surrogateescape")
            is_json = text.startswith("{") and read_json(text) is not None
            made = (
                encoded(self._json(draft, text, whole=whole))
                if is_json
                else self._form(draft, request.body, whole=whole)
            )
            draft.request = replace(request, body=made)
        elif request.query_string:
            query = self._form(draft, request.query_string, whole=whole)
            draft.request = replace(request, query_string=query)

    def _form(self, draft: _Draft, raw: bytes, *, whole: bool) -> bytes:
        deed, made = tampered_form(
            draft.rng,
            raw,
            draft.may_hit,
            text=lambda name, text: self._text(draft, name, text),
            texts=self._texts,
            whole=whole,
        )
        draft.deeds.append(deed)
        return made

    def _json(self, draft: _Draft, source: str, *, whole: bool, is_inner: bool = False) -> str:
        deed, made = tampered_json(
            draft.rng,
            source,
            list if is_inner else draft.open_spots,
            text=lambda name, text: self._text(draft, name, text),
            texts=self._texts,
            whole=whole,
        )
        draft.deeds.append(deed)
        return made

    def _hit_header(self, draft: _Draft, name: str) -> None:
        headers, rng = dict(draft.request.headers), draft.rng
        text = headers.pop(name)
        kind = rng.choices(("dropped", "twice", "changed"), (15, 13, 72))[0]
        draft.deeds.append(f"header {kind}")
        if kind != "dropped":
            other = _header_text(self._text(draft, name, text))
            headers[name] = f"{text}{rng.choice((',', ', ', ';'))}{other}" if kind == "twice" else other
        draft.request = replace(draft.request, headers=headers)

    def _text(self, draft: _Draft, name: str, text: str) -> str:
        """Another text for a field, whatever its carrier; an object within is opened."""
        inner = within(text)
        if inner is not None and draft.rng.random() < 0.9:
            made = self._json(draft, inner[0], whole=True, is_inner=True)
            return base64.b64encode(encoded(made)).decode() if inner[1] else made
        if tampering.is_signature(name, text):
            guesses = tampering.canonical_guesses(dict(fields_of(draft.request)))
            deed, made = tampering.signature(draft.rng, text, guesses, self._signatures)
        else:
            deed, made = tampering.value(draft.rng, text, self._texts)
        draft.deeds.append(deed)
        return made


def fields_of(request: InboundRequest) -> Iterator[tuple[str, str]]:
    """Every name and text of a message, as anybody would read it: headers, query, body, objects within."""
    for name, text in request.headers.items():
        if name not in CARRIER_HEADERS:
            yield name, text
    for raw_name, raw_value in read_form(request.query_string):
        yield from _opened(plain(raw_name), plain(raw_value))
    body = request.body.decode("utf-8", "surrogateescape").strip()
    if read_json(body) is not None:
        yield from _opened("", body)
    else:
        for raw_name, raw_value in read_form(request.body):
            yield from _opened(plain(raw_name), plain(raw_value))


def _opened(name: str, text: str) -> Iterator[tuple[str, str]]:
    if name:
        yield name, text
    inner = within(text)
    read = read_json(inner[0]) if inner else None
    for spot in spots(read) if read else ():
        if isinstance(spot.node, Leaf):
            found = text_of(spot.node.token)
            if found is None:
                yield spot.name, spot.node.token
            else:
                yield from _opened(spot.name, found)


def _hit_envelope(draft: _Draft) -> None:
    rng, request = draft.rng, draft.request
    match rng.randrange(4):
        case 0:
            draft.request = replace(request, method=rng.choice(("GET", "POST", "PUT", "post", "HEAD")))
            draft.deeds.append("method changed")
        case 1:
            path = rng.choice((request.path + "/", "/callbacks/another", request.path.upper(), "/"))
            draft.request = replace(request, path=path)
            draft.deeds.append("path changed")
        case 2:
            at = request.received_at + timedelta(seconds=rng.choice(_AGES_S) + rng.randrange(-30, 30))
            draft.request = replace(request, received_at=at)
            draft.deeds.append("received at another time")
        case _:
            body = request.query_string if rng.random() < 0.5 else request.body + request.query_string
            draft.request = replace(request, body=body, query_string=request.body)
            draft.deeds.append("query and body exchanged")


def _hit_bytes(draft: _Draft) -> None:
    rng, request = draft.rng, draft.request
    raw = request.body or request.query_string
    at = rng.randrange(len(raw) + 1)
    flipped = bytes([raw[at] ^ (1 << rng.randrange(8))]) if at < len(raw) else raw
    made = rng.choice(
        (
            raw[:at],
            raw[at:],
            raw + rng.choice(_TAILS),
            rng.choice(_TAILS) + raw,
            raw[:at] + bytes([rng.randrange(256)]) + raw[at + 1 :],
            raw[:at] + flipped + raw[at + 1 :],
            raw.decode("latin-1").encode(rng.choice(_CHARSETS)),
            b"",
        )
    )
    draft.request = replace(request, body=made) if request.body else replace(request, query_string=made)
    draft.deeds.append("bytes")


def _identity(request: InboundRequest) -> int:
    parts = (request.method, request.path, request.query_string, request.body, request.received_at)
    return hash((parts, tuple(request.headers.items())))


def _header_text(text: str) -> str:
    """As a server would hand a header's value over: one line of Latin-1."""
    clean = "".join(" " if letter in "\r\n\x00" else letter for letter in text)
    return encoded(clean).decode("latin-1")
