"""Keys through their life: overlap, retirement, revocation."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payclear.kernel.secret import Secret
from payclear.security.keyring import VERIFYING_MAX, Key, KeyAlgorithm, Keyring, KeyState, KeyUnusable

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DAY = timedelta(days=1)


def key(name: str, begins: timedelta = -DAY, ends: timedelta | None = DAY, state=KeyState.ACTIVE) -> Key:
    not_after = None if ends is None else NOW + ends
    return Key(name, KeyAlgorithm.HMAC_SHA256, Secret(f"secret of {name}"), NOW + begins, not_after, state)


def names(keys) -> list[str]:
    return [each.id for each in keys]


@pytest.mark.parametrize(
    "arguments",
    [
        {"not_before": datetime(2026, 1, 1)},
        {"not_after": datetime(2027, 1, 1)},
        {"not_after": NOW},
        {"id": ""},
        {"secret": Secret("")},
        {"secret": ""},
    ],
)
def test_key_that_contradicts_itself_is_refused(arguments):
    sound = {"id": "a", "algorithm": KeyAlgorithm.ED25519, "secret": "pem", "not_before": NOW}
    Key(**sound)
    with pytest.raises(ValueError, match="key"):
        Key(**(sound | arguments))


def test_keyring_with_two_keys_of_one_id_is_refused():
    with pytest.raises(ValueError, match="one id"):
        Keyring([key("a"), key("a")])


def test_keyring_with_a_negative_overlap_is_refused():
    with pytest.raises(ValueError, match="negative"):
        Keyring([], overlap=-DAY)


@pytest.mark.parametrize(
    "keys",
    [
        [],
        [key("future", begins=DAY / 2)],
        [key("past", begins=-3 * DAY, ends=-DAY)],
        [key("ended_now", ends=timedelta(0))],
        [key("retired", state=KeyState.RETIRED)],
        [key("revoked", state=KeyState.REVOKED)],
    ],
)
def test_signing_without_an_active_key_is_refused(keys):
    with pytest.raises(KeyUnusable):
        Keyring(keys).signing(NOW)


def test_signing_takes_the_newest_active_key():
    ring = Keyring(
        [
            key("old", -3 * DAY, None),
            key("new", -DAY),
            key("next", DAY / 2),
            key("bad", -DAY / 2, DAY, KeyState.REVOKED),
        ]
    )
    assert ring.signing(NOW).id == "new"
    assert ring.signing(NOW + DAY / 2).id == "next"
    assert ring.signing(NOW + 2 * DAY).id == "old"


def test_verifying_keeps_ended_and_retired_keys_through_the_overlap_never_revoked_ones():
    ring = Keyring(
        [
            key("live"),
            key("retired", -2 * DAY, state=KeyState.RETIRED),
            key("ended", -3 * DAY, -DAY / 2),
            key("long_ended", -4 * DAY, -DAY),
            key("revoked", state=KeyState.REVOKED),
            key("future", DAY / 2),
        ],
        overlap=DAY,
    )
    assert names(ring.verifying(NOW)) == ["live", "retired", "ended"]
    assert names(ring.verifying(NOW, key_id="ended")) == ["ended"]
    assert ring.verifying(NOW, key_id="revoked") == ()
    assert ring.verifying(NOW, key_id="unknown") == ()


def test_verifying_is_bounded_to_the_newest():
    ring = Keyring([key(f"k{number}", -DAY * (number + 1)) for number in range(9)])
    assert names(ring.verifying(NOW)) == [f"k{number}" for number in range(VERIFYING_MAX)]
    assert names(ring.verifying(NOW, key_id="k8")) == ["k8"]


@given(st.lists(st.tuples(st.integers(-9, 9), st.integers(1, 9), st.sampled_from(KeyState)), max_size=12))
def test_what_signs_always_verifies_and_revoked_never(lives):
    keys = [
        key(f"k{n}", DAY * begins, DAY * (begins + length), state)
        for n, (begins, length, state) in enumerate(lives)
    ]
    ring = Keyring(keys)
    verifying = ring.verifying(NOW)
    assert len(verifying) <= VERIFYING_MAX
    assert all(each.state is not KeyState.REVOKED for each in verifying)
    try:
        signing = ring.signing(NOW)
    except KeyUnusable:
        return
    assert ring.verifying(NOW, key_id=signing.id) == (signing,)


def test_key_never_shows_its_secret():
    assert "secret of a" not in repr(key("a"))
