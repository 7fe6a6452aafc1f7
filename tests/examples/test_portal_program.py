"""The example portal as a program: starts, answers, says plainly what is wrong."""

import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from examples.portal.__main__ import main
from tests.webhooks.receivers import free_port, receiver

ROOT = Path(__file__).parents[2]
KEYS = ["--api-key", "pk_demo", "--webhook-secret", "whsec_REVNTyBPTkxZOiB3ZWJob29rIHNlY3JldCAwMDAwMDE="]


def test_portal_without_keys_says_which_are_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("API_KEY", "WEBHOOK_SECRET"):
        monkeypatch.delenv(f"PAYCLEAR_PORTAL_EXAMPLE_{name}", raising=False)
    with pytest.raises(SystemExit):
        main(["--port", "0"])
    assert "PAYCLEAR_PORTAL_EXAMPLE_API_KEY" in capsys.readouterr().err


def test_portal_on_a_taken_port_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with receiver() as taken:
        code = main(["--port", str(taken.port), "--state", str(tmp_path / "p.sqlite"), *KEYS])
    assert code == 1
    assert f"Port {taken.port} is taken" in capsys.readouterr().err


def test_portal_starts_answers_and_stops(tmp_path: Path) -> None:
    port = free_port()
    words = ["--port", str(port), "--state", str(tmp_path / "p.sqlite"), *KEYS]
    program = subprocess.Popen(
        [sys.executable, "-m", "examples.portal", *words], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert program.stdout is not None
        assert program.stdout.readline() == f"Example portal: http://127.0.0.1:{port}/\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            assert answer.status == 200
    finally:
        program.terminate()
        program.wait(10)
        program.stdout.close()
