"""The kit catches adapters that are wrong: each of these is the sandbox's with one mistake."""

from dataclasses import replace
from datetime import date

import pytest

from payclear.contract.conformance.bench import Bench, Failed, Subject
from payclear.contract.conformance.plays import play
from payclear.contract.errors import NotSent, OutcomeUnknown, ProviderRefused, SignatureInvalid
from payclear.contract.outcomes import Outcome
from payclear.kernel.money import Money
from providers.sandbox import mapping
from providers.sandbox.provider import SandboxProvider


class Base(SandboxProvider):
    def __init__(self, sound: SandboxProvider) -> None:
        self.sound = sound
        self._client = sound._client


class BelievesEverybody(Base):
    """Never looks at a signature: what does not hold is signed anew."""

    def verify_callback(self, account, request):
        headers = mapping.signed_headers(account.secrets["signing_key"], request.body, request.received_at)
        return self.sound.verify_callback(account, replace(request, headers={**request.headers, **headers}))


class KnowsOneKey(Base):
    def verify_callback(self, account, request):
        only = {name: key for name, key in account.secrets.items() if not name.endswith("_previous")}
        return self.sound.verify_callback(replace(account, secrets=only), request)


class TakesSilenceForFailure(Base):
    def start_checkout(self, account, request):
        try:
            return self.sound.start_checkout(account, request)
        except OutcomeUnknown as error:
            raise NotSent("no answer") from error


class TakesNoiseForRefusal(Base):
    def query_status(self, account, query):
        try:
            return self.sound.query_status(account, query)
        except (OutcomeUnknown, SignatureInvalid) as error:
            raise ProviderRefused("noise") from error


class TakesEverythingForPaid(Base):
    def query_status(self, account, query):
        evidence = self.sound.query_status(account, query)
        return replace(evidence, outcome=Outcome.CONFIRMED)


class TellsAnotherAmount(Base):
    def query_status(self, account, query):
        return replace(self.sound.query_status(account, query), amount=Money(1))


class DropsWhatItCanNotRead(Base):
    def parse_statement(self, account, file):
        return replace(self.sound.parse_statement(account, file), problems=())


class RepairsTheTrailer(Base):
    def parse_statement(self, account, file):
        parsed = self.sound.parse_statement(account, file)
        return replace(parsed, control_count=len(parsed.entries))


class FindsAStatementAnyway(Base):
    def fetch_statement(self, account, business_on):
        return self.sound.fetch_statement(account, date(2026, 11, 20))


MISTAKES = [
    (BelievesEverybody, "tampered"),
    (BelievesEverybody, "foreign_key"),
    (BelievesEverybody, "key_rotation"),
    (KnowsOneKey, "key_rotation"),
    (TakesSilenceForFailure, "timeout_before_money"),
    (TakesSilenceForFailure, "timeout_after_money"),
    (TakesSilenceForFailure, "answer_html"),
    (TakesNoiseForRefusal, "answer_truncated"),
    (TakesNoiseForRefusal, "answer_foreign_key"),
    (TakesNoiseForRefusal, "answer_other_payment"),
    (TakesEverythingForPaid, "refusal"),
    (TakesEverythingForPaid, "cancelled"),
    (TakesEverythingForPaid, "not_found"),
    (TellsAnotherAmount, "success"),
    (DropsWhatItCanNotRead, "statement_bad_amount_text"),
    (DropsWhatItCanNotRead, "statement_html"),
    (RepairsTheTrailer, "statement_wrong_count"),
    (FindsAStatementAnyway, "statement_sound"),
]


@pytest.mark.parametrize("adapter", ["sandbox"])
@pytest.mark.parametrize(("mistake", "scenario"), MISTAKES)
def test_mistake_is_caught(
    mistake: type[Base], scenario: str, adapter: str, bench: Bench, subject: Subject
) -> None:
    sound = subject.provider
    assert isinstance(sound, SandboxProvider)
    with pytest.raises(Failed):
        play(scenario, bench, replace(subject, provider=mistake(sound)))
