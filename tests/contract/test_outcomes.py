from payclear.contract.outcomes import EvidenceSource, Outcome


def test_outcome_only_certain_refusals_allow_another_provider():
    assert {outcome.value for outcome in Outcome if outcome.allows_another_provider} == {
        "rejected",
        "not_sent",
    }
    assert {outcome.value for outcome in Outcome if outcome.is_final} == {"confirmed", "rejected", "not_sent"}


def test_evidence_source_ranks_are_those_of_the_design():
    ranked = sorted(EvidenceSource, key=lambda source: source.rank)
    assert [source.value for source in ranked] == [
        "browser_return",
        "callback",
        "status_query",
        "statement",
        "operator",
    ]
    assert EvidenceSource.STATEMENT.rank == EvidenceSource.OPERATOR.rank > EvidenceSource.STATUS_QUERY.rank
