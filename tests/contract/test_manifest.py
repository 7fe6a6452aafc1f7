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
