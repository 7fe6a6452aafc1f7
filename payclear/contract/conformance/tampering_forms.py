"""What can be done to a query or a form: each deed changes the pairs as they stand and gives its name.

Called by `mutants`. Pure; chance comes in from outside.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from urllib.parse import quote, quote_plus

from payclear.contract.conformance import tampering
from payclear.contract.conformance.raw_messages import encoded, plain, read_form, write_form

Text = Callable[[str, str], str]  # name and value of a field → another value
Pair = tuple[bytes, bytes]

_NO_TEXT = (b"%ff", b"%c0%af", b"%", b"%0", b"%u0031", b"%00")
_JOINERS = (b";", b"&&", b"&amp;", b"\n", b",", b"%26")
_NEW_NAMES = ("x", "note", "extra", "vnp_Extra", "signature2", "", "__proto__", "amount2")


@dataclass(slots=True)
class _Form:
    """The pairs, the one that is hit, another that may be hit too, and what other texts there are."""

    rng: Random
    pairs: list[Pair]
    at: int
    other: int
    text: Text
    texts: Sequence[str]
    joiner: bytes = b"&"

    @property
    def name(self) -> str:
        return plain(self.pairs[self.at][0])

    @property
    def value(self) -> str:
        return plain(self.pairs[self.at][1])

    def put(self, raw: bytes, at: int | None = None) -> None:
        place = self.at if at is None else at
        self.pairs[place] = (self.pairs[place][0], raw)


def tampered_form(
    rng: Random, raw: bytes, may_hit: Callable[[str], bool], *, text: Text, texts: Sequence[str], whole: bool
) -> tuple[str, bytes]:
    """The deed and the form after it; the fields that may not be hit stay. Not `whole`: one value, no more."""
    pairs = read_form(raw)
    places = [at for at, (name, _) in enumerate(pairs) if may_hit(plain(name))]
    if not places:
        return "nothing", raw
    form = _Form(rng, pairs, rng.choice(places), rng.choice(places), text, texts)
    if not whole or rng.random() < 0.5:
        form.put(form_encoded(rng, text(form.name, form.value)))
        return "value", write_form(pairs)
    deed = rng.choice(_DEEDS)(form)
    return deed, form.joiner.join(name + b"=" + value for name, value in pairs)


def form_encoded(rng: Random, text: str) -> bytes:
    """A name or value as a form writes it; a blank is + or %20."""
    return (quote_plus(encoded(text)) if rng.random() < 0.8 else quote(encoded(text), safe="")).encode(
        "ascii"
    )


def _dropped(form: _Form) -> str:
    del form.pairs[form.at]
    return "dropped"


def _given_twice(form: _Form) -> str:
    raw_name, again = form.pairs[form.at]
    if form.rng.random() < 0.7:
        again = form_encoded(form.rng, form.text(form.name, form.value))
    form.pairs.insert(form.rng.choice((form.at, form.at + 1, 0, len(form.pairs))), (raw_name, again))
    return "given twice"


def _renamed(form: _Form) -> str:
    """Another name for the field; or a field of that name, with another value, beside the true one."""
    deed, name = tampering.name(form.rng, form.name)
    raw_name, pair = form_encoded(form.rng, name), form.pairs[form.at]
    if form.rng.random() < 0.6:
        form.pairs[form.at] = (raw_name, pair[1])
        return deed
    value = form_encoded(form.rng, form.text(form.name, form.value))
    form.pairs.insert(form.at + form.rng.randrange(2), (raw_name, value))
    return f"{deed}, besides"


def _exchanged(form: _Form) -> str:
    mine, theirs = form.pairs[form.at][1], form.pairs[form.other][1]
    form.put(theirs)
    form.put(mine, form.other)
    return "values exchanged"


def _border_moved(form: _Form) -> str:
    first, second = tampering.border_moved(form.rng, form.value, plain(form.pairs[form.other][1]))
    form.put(form_encoded(form.rng, first))
    form.put(form_encoded(form.rng, second), form.other)
    return "border between values moved"


def _reordered(form: _Form) -> str:
    form.rng.shuffle(form.pairs)
    return "reordered"


def _two_in_one(form: _Form) -> str:
    """One field swallows another, name and all: the border between them becomes part of the value."""
    if form.at != form.other:
        mark = form.rng.choice((b"%26", b"%2526", b";", b"&amp;", b"%00&"))
        name, value = form.pairs[form.other]
        form.put(form.pairs[form.at][1] + mark + name + form.rng.choice((b"=", b"%3D")) + value)
        del form.pairs[form.other]
    return "two fields in one"


def _encoded_otherwise(form: _Form) -> str:
    raw, rng = encoded(form.value), form.rng
    upper = "".join(f"%{byte:02X}" for byte in raw)
    made = (
        upper,
        upper.lower(),
        quote(raw, safe="/:?,*~!'()"),
        quote(raw, safe=""),
        quote_plus(raw, safe="/:"),
    )
    form.put(rng.choice(made).encode("ascii"))
    return "encoded otherwise"


def _no_text(form: _Form) -> str:
    form.put(form.pairs[form.at][1] + form.rng.choice(_NO_TEXT))
    return "bytes that are no text"


def _added(form: _Form) -> str:
    name, value = form.rng.choice(_NEW_NAMES), form.rng.choice(form.texts)
    pair = (form_encoded(form.rng, name), form_encoded(form.rng, value))
    form.pairs.insert(form.rng.randrange(len(form.pairs) + 1), pair)
    return "field added"


def _joined_otherwise(form: _Form) -> str:
    form.joiner = form.rng.choice(_JOINERS)
    return "separator changed"


_DEEDS = (
    _dropped,
    _given_twice,
    _renamed,
    _exchanged,
    _border_moved,
    _reordered,
    _two_in_one,
    _encoded_otherwise,
    _no_text,
    _added,
    _joined_otherwise,
)
