"""A bank's adapter in a wheel of its own: built, installed beside us, loaded by its entry point, and paid through."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from payclear.assembly import ConfigurationRefused, load_providers
from payclear.kernel.settings import load_settings
from tests.database import TestServer

ROOT = Path(__file__).parents[2]
SOURCE = Path(__file__).with_name("tinybank")
ACCOUNT = """
[provider_accounts.tinybank-main]
adapter = "tinybank"
name_vi = "Ngân hàng Tí Hon"
name_en = "TinyBank"
enabled = true
demo = true
cut_off = "00:00"
grace_business_days = 1

[provider_accounts.tinybank-main.options]
merchant = "TINY01"
pay_url = "{simulator}/tinybank/pay"
api_url = "{simulator}/tinybank"
statement_url = "{simulator}/tinybank/statements"
allow_insecure_host = "127.0.0.1"

[provider_accounts.tinybank-main.secrets]
signing_key = "DEMO-ONLY-TINYBANK-SIGNING-KEY"
"""


def run(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built offline from a copy of its source and installed into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel")
    shutil.copytree(SOURCE, folder / "source")
    pip = ("-m", "pip", "--disable-pip-version-check", "--no-input")
    built = run(
        *pip,
        "wheel",
        "--no-build-isolation",
        "--no-deps",
        "--no-index",
        "-w",
        f"{folder}/dist",
        f"{folder}/source",
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = (folder / "dist").glob("payclear_tinybank-1.0.0-*.whl")
    put = run(*pip, "install", "--no-deps", "--no-index", "--target", f"{folder}/site", str(wheel))
    assert put.returncode == 0, put.stderr
    return folder / "site"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The settings of an installation that has an account there."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    with (tmp_path / "config" / "test.toml").open("a", encoding="utf-8") as file:
        file.write(ACCOUNT)
    return tmp_path / "config"


@pytest.fixture
def environ(postgres: TestServer, config: Path) -> Iterator[dict[str, str]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    yield {
        "PAYCLEAR_ENVIRONMENT": "test",
        "PAYCLEAR_CONFIG_DIR": str(config),
        "PAYCLEAR_DATABASE_URL": postgres.app_url,
        "PAYCLEAR_SIMULATOR_PORT": str(port),
    }
    postgres.empty()


def test_wheel_is_not_part_of_our_own_installation(site: Path):
    assert not list(entry_points(group="payclear.providers", name="tinybank"))


@pytest.mark.slow
def test_wheel_takes_a_payment_and_passes_the_kit(site: Path, environ: dict[str, str], tmp_path: Path):
    done = run("-m", "tests.wheel.journey", str(tmp_path / "state.sqlite"), PYTHONPATH=str(site), **environ)
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert Path(report["adapter"]).is_relative_to(site)
    assert (report["captured"], report["forged"]) == ("", "")
    assert report["failed"] == {}
    assert {"success", "tampered", "foreign_key", "key_rotation", "statement_sound"} <= set(report["played"])
    assert (report["mutants"], report["holes"]) == (1_000, [])


def test_account_without_its_wheel_stops_the_start_in_a_sentence(environ: dict[str, str]):
    done = run("-m", "payclear.cli", "worker", **environ)
    assert (done.returncode, done.stderr) == (
        2,
        "payclear: Provider account tinybank-main names the adapter tinybank: none is installed.\n",
    )


def _newer(module: Path) -> None:
    manifest = module / "manifest.toml"
    text = manifest.read_text(encoding="utf-8").replace("contract = 1", "contract = 2\ncolour = 'red'")
    manifest.write_text(text, encoding="utf-8")


def _broken(module: Path) -> None:
    (module / "__init__.py").write_text("import a_library_that_is_not_here\n")


def _another_thing(module: Path) -> None:
    (module / "__init__.py").write_text("provider = 'tinybank'\n")


def _other_name(module: Path) -> None:
    manifest = module / "manifest.toml"
    manifest.write_text(
        manifest.read_text(encoding="utf-8").replace('"tinybank"', '"hugebank"'), encoding="utf-8"
    )


def _made_by_hand(module: Path) -> None:
    """No manifest file: the object itself says for which contract it is."""
    source = module / "__init__.py"
    text = source.read_text(encoding="utf-8")
    text += "import dataclasses\nTinyBank.manifest = dataclasses.replace(TinyBank.manifest, contract=7)\n"
    source.write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_newer, "was written for contract 2, and this payclear speaks contract 1"),
        (_made_by_hand, "was written for contract 7, and this payclear speaks contract 1"),
        (_broken, "can not be loaded (ModuleNotFoundError: No module named 'a_library_that_is_not_here')"),
        (_another_thing, "is no payclear.contract.provider.Provider"),
        (_other_name, "calls itself hugebank in its manifest"),
    ],
)
def test_wheel_that_can_not_be_used_stops_the_start_in_a_sentence(
    spoil, said: str, site: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    shutil.copytree(site, tmp_path / "site")
    spoil(tmp_path / "site" / "tinybank")
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.delitem(sys.modules, "tinybank", raising=False)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    with pytest.raises(ConfigurationRefused) as refused:
        load_providers(load_settings("test", environ={}, config_dir=config))
    sys.modules.pop("tinybank", None)
    sentence = str(refused.value)
    start = "Provider account tinybank-main names the adapter tinybank: the one that comes with payclear-tinybank 1.0.0 "
    assert sentence.startswith(start)
    assert said in sentence
    assert "\n" not in sentence


def test_two_wheels_with_one_adapter_stop_the_start_in_a_sentence(
    site: Path, config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    other = tmp_path / "site" / "payclear_fake-1.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: payclear-fake\nVersion: 1\n")
    (other / "entry_points.txt").write_text("[payclear.providers]\ntinybank = fake:provider\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.syspath_prepend(tmp_path / "site")
    both = "it comes with payclear-fake 1 and payclear-tinybank 1.0.0; uninstall one of them."
    with pytest.raises(ConfigurationRefused, match=both):
        load_providers(load_settings("test", environ={}, config_dir=config))
