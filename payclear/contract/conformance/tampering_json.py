"""What can be done to a JSON object: each deed changes its members as they are written and gives its name.

Called by `mutants`. Pure; chance comes in from outside.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from payclear.contract.conformance import tampering
from payclear.contract.conformance.raw_messages import (
    Items,
    JsonStyle,
    Leaf,
    Members,
    Node,
    Spot,
    copied,
    read_json,
    spots,
    string,
    style_of,
    text_of,
    write_json,
)

Text = Callable[[str, str], str]  # name and text of a member → another text

_TOKENS = (
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1e3",
    "1E400",
    "NaN",
    "Infinity",
    "[]",
    "{}",
    '""',
    "-1",
    "0.1",
)
_NEW_NAMES = ("x", "note", "amount2", "", "__proto__", "$")


@dataclass(slots=True)
class _Json:
    """The object, the spot that is hit, another that may be hit too, and what other texts there are."""

    rng: Random
    style: JsonStyle
    spot: Spot
    other: Spot
    text: Text
    texts: Sequence[str]

    @property
    def members(self) -> Members | None:
        """The object that the spot stands in; None in an array."""
        return self.spot.parent if isinstance(self.spot.parent, Members) else None


def tampered_json(
    rng: Random,
    source: str,
    may_hit: Callable[[Sequence[Spot]], list[Spot]],
    *,
    text: Text,
    texts: Sequence[str],
    whole: bool,
) -> tuple[str, str]:
    """The deed and the object after it; the spots that may not be hit stay. Not `whole`: one value, no more."""
    read = read_json(source)
    assert read is not None
    node = copied(read)
    places = may_hit(list(spots(node)))
    if not places:
        return "nothing", source
    work = _Json(rng, style_of(source), rng.choice(places), rng.choice(places), text, texts)
    if not whole or rng.random() < 0.55:
        return _valued(work), write_json(node, work.style)
    if rng.random() < 0.08:
        return "written otherwise", _rewritten(rng, source)
    return rng.choice(_DEEDS)(work), write_json(node, work.style)


def _valued(work: _Json) -> str:
    rng, spot = work.rng, work.spot
    if not isinstance(spot.node, Leaf) or rng.random() < 0.12:
        spot.put(Leaf(rng.choice(_TOKENS)))
        return "value of another kind"
    found = text_of(spot.node.token)
    if found is None:
        deed, made = tampering.value(rng, spot.node.token, work.texts)
        is_raw = rng.random() < 0.6 and bool(made.strip())
        spot.put(Leaf(made if is_raw else string(made)))
        return deed if is_raw else f"{deed}, of another kind"
    made = work.text(spot.name, found)
    is_number = made.isdigit() and made.isascii() and rng.random() < 0.3
    spot.put(Leaf(made if is_number else string(made, ascii_only=work.style.ascii_only)))
    return "value"


def _dropped(work: _Json) -> str:
    if work.members is not None:
        del work.members.pairs[work.spot.at]
    return "dropped"


def _given_twice(work: _Json) -> str:
    members, at = work.members, work.spot.at
    if members is not None:
        again = (members.pairs[at][0], copied(work.spot.node))
        members.pairs.insert(work.rng.choice((at, at + 1, len(members.pairs))), again)
        if work.rng.random() < 0.7:
            _valued(work)
    return "given twice"


def _renamed(work: _Json) -> str:
    """Another name for the member; or a member of that name, with another value, beside the true one."""
    members, at = work.members, work.spot.at
    deed, name = tampering.name(work.rng, work.spot.name)
    if members is None:
        return "nothing"
    if work.rng.random() < 0.6:
        members.pairs[at] = (string(name), work.spot.node)
        return deed
    true = members.pairs[at]
    members.pairs[at] = (true[0], copied(true[1]))
    _valued(work)
    members.pairs[at : at + 1] = work.rng.sample([true, (string(name), work.spot.node)], 2)
    return f"{deed}, besides"


def _exchanged(work: _Json) -> str:
    if not _is_within(work.spot, work.other) and not _is_within(work.other, work.spot):
        mine, theirs = work.spot.node, work.other.node
        work.spot.put(theirs)
        work.other.put(mine)
    return "values exchanged"


def _border_moved(work: _Json) -> str:
    mine, theirs = _leaf_text(work.spot.node), _leaf_text(work.other.node)
    if mine is not None and theirs is not None:
        first, second = tampering.border_moved(work.rng, mine, theirs)
        _put_like(work.spot, first)
        _put_like(work.other, second)
    return "border between values moved"


def _two_in_one(work: _Json) -> str:
    """One member swallows the next, name and all, as it stands in the signed text."""
    members = work.members
    if members is not None and len(members.pairs) > 1:
        next_at = (work.spot.at + 1) % len(members.pairs)
        token, eaten = members.pairs[next_at]
        mine, theirs = _leaf_text(work.spot.node), _leaf_text(eaten)
        if mine is not None and theirs is not None:
            _put_like(work.spot, f"{mine}{work.rng.choice('&&|,;')}{text_of(token) or ''}={theirs}")
            del members.pairs[next_at]
    return "two fields in one"


def _reordered(work: _Json) -> str:
    if work.members is not None:
        work.rng.shuffle(work.members.pairs)
    return "reordered"


def _added(work: _Json) -> str:
    if work.members is not None:
        name = work.rng.choice((*_NEW_NAMES, work.rng.choice(work.texts)[:20]))
        token = work.rng.choice((string(work.rng.choice(work.texts)), *_TOKENS))
        at = work.rng.randrange(len(work.members.pairs) + 1)
        work.members.pairs.insert(at, (string(name), Leaf(token)))
    return "field added"


def _wrapped(work: _Json) -> str:
    inner = work.spot.node
    work.spot.put(work.rng.choice((Items([inner]), Members([('"value"', inner)]), Items([]))))
    return "wrapped"


def _escaped_otherwise(work: _Json) -> str:
    """An escape for one letter; a lone surrogate now and then."""
    spot, rng = work.spot, work.rng
    text = text_of(spot.node.token) if isinstance(spot.node, Leaf) else None
    if not text:
        spot.put(Leaf('"\\ud800"'))
        return "escaped otherwise"
    at = rng.randrange(len(text))
    letter = text[at] if ord(text[at]) < 0x10000 and rng.random() < 0.8 else "\ud800"
    spot.put(Leaf(f"{string(text[:at])[:-1]}\\u{ord(letter):04x}{string(text[at + 1 :])[1:]}"))
    return "escaped otherwise"


_DEEDS = (
    _dropped,
    _given_twice,
    _renamed,
    _exchanged,
    _border_moved,
    _border_moved,
    _two_in_one,
    _reordered,
    _added,
    _wrapped,
    _escaped_otherwise,
)


def _rewritten(rng: Random, text: str) -> str:
    """The same object written by another hand, or nearly the same."""
    return rng.choice(
        (
            text.replace(":", ": ", 1),
            text.replace(",", ", ", 1),
            text.replace(",", ",\n ", 1),
            f" {text}",
            f"{text} \n",
            f"\ufeff{text}",
            f"{text}{text}",
            f"[{text}]",
            f"{text[:-1]},}}",
            text.replace('"', "'"),
            f"/* */{text}",
            f"{text}//",
            text.replace("/", "\\/"),
            "[" * 5000 + text,
        )
    )


def _is_within(spot: Spot, other: Spot) -> bool:
    return any(inner.parent is other.parent and inner.at == other.at for inner in spots(spot.node))


def _leaf_text(node: Node) -> str | None:
    if not isinstance(node, Leaf):
        return None
    found = text_of(node.token)
    return node.token if found is None else found


def _put_like(spot: Spot, text: str) -> None:
    """Put a text there, as a number where a number stood and one can stand."""
    was_number = isinstance(spot.node, Leaf) and not spot.node.token.startswith('"')
    is_number = was_number and text.isascii() and text.isdigit() and not text.startswith("0")
    spot.put(Leaf(text if is_number else string(text)))
