import pytest

from payclear.contract.manifest import Capability, load_manifest

GOOD = """
name = "x"
title_vi = "X"
title_en = "X"
protocol_version = "1"
certified = false
capabilities = ["redirect", "qr"]
"""


def test_load_manifest_only_the_needed_keys_gives_defaults(tmp_path):
    path = tmp_path / "manifest.toml"
    path.write_text(GOOD)
    manifest = load_manifest(path)
    assert manifest.capabilities == {Capability.REDIRECT, Capability.QR}
    assert (manifest.amount_min, manifest.amount_max) == (1, 10**15)
    assert (manifest.callback_methods, manifest.required_secrets, manifest.open_points) == ((), (), ())


@pytest.mark.parametrize(
    "text",
    [
        GOOD + 'colour = "red"\n',
        GOOD.replace('"qr"', '"teleport"'),
        GOOD + "amount_min = 'many'\n",
        GOOD + "not toml",
    ],
)
def test_load_manifest_what_is_wrong_is_refused(tmp_path, text):
    path = tmp_path / "manifest.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match=r".+"):
        load_manifest(path)


def test_load_manifest_missing_key_is_refused(tmp_path):
    path = tmp_path / "manifest.toml"
    path.write_text(GOOD.replace('title_vi = "X"\n', ""))
    with pytest.raises(KeyError):
        load_manifest(path)


def test_load_manifest_without_a_contract_is_of_the_first(tmp_path):
    path = tmp_path / "manifest.toml"
    path.write_text(GOOD)
    assert load_manifest(path).contract == 1


def test_load_manifest_of_another_contract_is_refused_before_its_keys_are_judged(tmp_path):
    path = tmp_path / "manifest.toml"
    path.write_text(GOOD + "contract = 2\nkey_of_the_future = 1\n")
    with pytest.raises(ValueError, match="written for contract 2, and this payclear speaks contract 1"):
        load_manifest(path)


ASKED = GOOD.replace('"qr"]', '"status_query"]')


def test_load_manifest_watch_hours_are_none_unless_said(tmp_path):
    path = tmp_path / "manifest.toml"
    path.write_text(GOOD)
    assert load_manifest(path).watch_hours == 0
    path.write_text(ASKED + "watch_hours = 24\n")
    assert load_manifest(path).watch_hours == 24


@pytest.mark.parametrize(
    "text",
    [
        ASKED + "watch_hours = -1\n",
        ASKED + "watch_hours = 1.5\n",
        ASKED + "watch_hours = true\n",
        ASKED + "watch_hours = 169\n",
        GOOD + "watch_hours = 24\n",
    ],
)
def test_load_manifest_watch_that_can_not_be_kept_is_refused(tmp_path, text):
    path = tmp_path / "manifest.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match="watch_hours"):
        load_manifest(path)
