"""Judges forged messages: whatever is done to a genuine one, it is refused, says the same, or is a hint that proves nothing.

Called by the command `make forgery` and by suites, an adapter's own too: `genuine_callbacks`, then `forge`.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from time import perf_counter
from typing import Any

from payclear.contract.collection import CollectionCall
from payclear.contract.conformance.bench import Bench, Failed, Payment, Subject, need
from payclear.contract.conformance.collection import RECHECKED, changed_parts
from payclear.contract.conformance.counter import BankCounter
from payclear.contract.conformance.mutants import Forger, Mutant, fields_of
from payclear.contract.conformance.mutations import mutations
from payclear.contract.errors import CallbackMalformed, SignatureInvalid
from payclear.contract.messages import InboundRequest, VerifiedCallback
from payclear.kernel.ids import CROCKFORD
from payclear.kernel.iso7064 import mod37_36_check
from payclear.kernel.money import Money

EVERYTHING = ("*",)
HOLES_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One kind of signed message: genuine ones, and the adapter's function that believes them or not.

    `read` gives something that can be compared: a `VerifiedCallback`, or the calls of a collection message.
    `uncovered` are the fields that the signature leaves open, EVERYTHING where a bare secret stands for one.
    `objection` says why a reading may not differ from a genuine one as it does, empty when it is a mere hint.
    """

    name: str
    genuine: tuple[InboundRequest, ...]
    read: Callable[[InboundRequest], Any]
    uncovered: tuple[str, ...] = ()
    objection: Callable[[Any, Any], str]


@dataclass(frozen=True, slots=True)
class Hole:
    """A forgery that got through, or that an adapter could not bear."""

    sentence: str
    mutant: Mutant


@dataclass(slots=True)
class Tally:
    """What became of the mutants of one profile. `hints` are believed by nobody: they make us ask."""

    profile: str
    seed: int
    refused: int = 0
    equal: int = 0
    hints: int = 0
    seconds: float = 0.0
    deeds: Counter[str] = field(default_factory=Counter)
    holes: list[Hole] = field(default_factory=list)

    @property
    def mutants(self) -> int:
        """How many there were."""
        return self.refused + self.equal + self.hints + len(self.holes)


def forge(
    profile: Profile, count: int, *, seed: int, keep: Callable[[Mutant, str], None] | None = None
) -> Tally:
    """Bring mutants before the adapter. `keep` is given each with its verdict: `refused`, `equal`, `hint`.

    It ends early after HOLES_KEPT holes; raises Failed when a genuine message is not believed.
    """
    judge = _Judge(profile)
    forger = Forger(profile.genuine, uncovered=profile.uncovered, seed=f"{profile.name}:{seed}")
    tally = Tally(profile.name, seed)
    started = perf_counter()
    for mutant in forger.mutants(count):
        tally.deeds.update(mutant.deeds)
        try:
            verdict = judge.verdict(mutant)
        except Failed as hole:
            tally.holes.append(Hole(str(hole), mutant))
            if len(tally.holes) == HOLES_KEPT:
                break
            continue
        tally.refused += verdict == "refused"
        tally.equal += verdict == "equal"
        tally.hints += verdict == "hint"
        if keep is not None:
            keep(mutant, verdict)
    tally.seconds = perf_counter() - started
    return tally


class _Judge:
    """The rule: a mutant is refused, or it reads exactly as a genuine message does, or it is a hint.

    A hint bears every covered field as a genuine message bears it, so nothing but uncovered fields, and such as nobody
    knows, can have changed it; and the profile has no objection to how it differs from that message.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._readings: list[Any] = []
        for request in profile.genuine:
            try:
                self._readings.append(profile.read(request))
            except (SignatureInvalid, CallbackMalformed) as error:
                raise Failed(f"{profile.name}: a genuine message is refused: {error}") from error
        self._covered = [self._covered_texts(request) for request in profile.genuine]

    def verdict(self, mutant: Mutant) -> str:
        """`refused`, `equal` or `hint`; raises Failed for a hole."""
        try:
            reading = self._profile.read(mutant.request)
        except (SignatureInvalid, CallbackMalformed):
            return "refused"
        except Exception as error:
            raise Failed(f"it raises {type(error).__name__}: {error}") from error
        if reading in self._readings:
            return "equal"
        self._must_be_a_hint(mutant, reading)
        return "hint"

    def _covered_texts(self, request: InboundRequest) -> dict[str, list[str]]:
        """The fields that the signature covers as a matter of fact: a change of one alone is refused."""
        covered = set[str]()
        for mutation in mutations(request):
            if mutation.deed == "changed":
                with suppress(SignatureInvalid, CallbackMalformed):
                    self._profile.read(mutation.request)
                    continue
                covered.add(mutation.field.rpartition(".")[2])
        texts = _texts(request)
        return {name: texts[name] for name in covered - set(self._profile.uncovered) if name in texts}

    def _must_be_a_hint(self, mutant: Mutant, reading: Any) -> None:
        likes = self._readings
        if self._profile.uncovered != EVERYTHING:
            texts = _texts(mutant.request)
            likes = [
                known
                for known, covered in zip(self._readings, self._covered, strict=True)
                if all(texts.get(name) == found for name, found in covered.items())
            ]
        need(bool(likes), f"a field that is covered was changed, and it is believed: {reading}")
        objections = [self._profile.objection(known, reading) for known in likes]
        need("" in objections, f"{objections[0]}: {reading}")


def _texts(request: InboundRequest) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, text in fields_of(request):
        if name not in request.headers:
            found.setdefault(name, []).append(text)
    return found


def no_proof(known: VerifiedCallback, heard: VerifiedCallback) -> str:
    """Another callback than the genuine one only makes us ask, about the same payment, amount and merchant."""
    if not heard.confirm_by_query:
        return "another callback is believed"
    same = (_identity(known), _identity(heard))
    return "" if same[0] == same[1] else f"the hint is about something else than {same[0]}"


def no_proof_at_all(known: VerifiedCallback, heard: VerifiedCallback) -> str:
    """Where a bare secret stands for a signature: whatever is said only makes us ask."""
    return "" if heard.confirm_by_query else "another callback is believed"


def rechecked(known: tuple[CollectionCall, ...], heard: tuple[CollectionCall, ...]) -> str:
    """A bank's calls differ only in parts that the core holds against the bill it handed out."""
    if len(known) != len(heard):
        return f"{len(known)} calls are heard as {len(heard)}"
    parts = {part for pair in zip(known, heard, strict=True) for part in changed_parts(*pair)}
    return "" if parts <= RECHECKED else f"believed of another call: {sorted(parts - RECHECKED)}"


def _identity(reading: VerifiedCallback) -> tuple[object, ...]:
    said = reading.evidence
    return said.provider_account, said.attempt_ref, said.amount, said.merchant_account


def callback_profile(
    subject: Subject, genuine: Sequence[InboundRequest], *, name: str = "", bears_secret: bool = False
) -> Profile:
    """The profile of an adapter's callback; `bears_secret`: the message carries a secret and no signature."""
    return Profile(
        name=name or subject.provider.name,
        genuine=tuple(genuine),
        read=lambda request: subject.provider.verify_callback(subject.account, request),
        uncovered=EVERYTHING if bears_secret else subject.provider.manifest.callback_uncovered,
        objection=no_proof_at_all if bears_secret else no_proof,
    )


def collection_profile(subject: Subject, genuine: Sequence[InboundRequest], *, name: str = "") -> Profile:
    """The profile of the messages of a bank that collects for us."""
    return Profile(
        name=name or subject.provider.name,
        genuine=tuple(genuine),
        read=lambda request: subject.provider.read_collection(subject.account, request),
        uncovered=subject.provider.manifest.callback_uncovered,
        objection=rechecked,
    )


def genuine_collection(bench: Bench, subject: Subject) -> list[InboundRequest]:
    """Everything a bank sends about two visits to its counter, each operation that its protocol knows."""
    found: list[InboundRequest] = []
    for _ in range(2):
        with BankCounter(bench, subject) as counter:
            found += counter.genuine().values()
    return found


def genuine_callbacks(bench: Bench, subject: Subject, *, seed: int) -> list[InboundRequest]:
    """Everything the provider sends about two payments, and about a refused and a cancelled one where it tells of them."""
    manifest = subject.provider.manifest
    rng = Random(seed)  # noqa: S311  (references that come again with the seed)
    ends = ["success", "success"]
    if "refused" in manifest.reports and "refused" in manifest.callback_on:
        ends.append("insufficient")
    if "cancelled" in manifest.reports and "refused" in manifest.callback_on:
        ends.append("cancel")
    found: list[InboundRequest] = []
    for number, end in enumerate(ends):
        paying = replace(subject, amount=Money(subject.amount.amount + 1_000 * number))
        body = "PC" + "".join(rng.choice(CROCKFORD) for _ in range(10))
        with Payment(bench, paying, reference=f"{body}{mod37_36_check(body)}01") as payment:
            payment.create()
            payment.pay(end)
            payment.callbacks()
            found += [each for each in bench.inbox.requests if each.path == payment.callback_path]
    return found
