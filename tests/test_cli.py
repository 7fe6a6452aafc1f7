"""What the command line refuses, and what it leaves alone."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from payclear import cli
from payclear.assembly import ConfigurationRefused, make_runtime
from payclear.kernel.secret import Secret
from payclear.kernel.settings import Settings
from payclear.security.signatures import Ed25519Signer
from tests.kernel.test_settings import PRODUCTION

OURS = ["simulator.sqlite", "simulator.sqlite-wal", "portal.sqlite", "portal.sqlite-shm", "run.lock"]
STRANGERS = ["books.sqlite", "other.lock", "simulator.sqlite.copy", "notes.txt"]


def call(*words: str, **environ: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli.main, words, env=environ)
    return done.exit_code, done.output


def test_forget_deletes_what_is_ours_and_nothing_else(tmp_path: Path) -> None:
    for name in OURS + STRANGERS:
        (tmp_path / name).write_text("x")
    code, said = call("forget", PAYCLEAR_DATABASE_STATE_FOLDER=str(tmp_path))
    assert code == 0, said
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(STRANGERS)


def test_forget_refuses_a_production(tmp_path: Path) -> None:
    (tmp_path / "run.lock").touch()
    environ = {**PRODUCTION, "PAYCLEAR_ENVIRONMENT": "production"}
    code, said = call("forget", **environ, PAYCLEAR_DATABASE_STATE_FOLDER=str(tmp_path))
    assert (code, said.count("\n")) == (2, 1)
    assert "never forgotten" in said
    assert (tmp_path / "run.lock").exists()


def test_migrate_refuses_a_production_without_an_owner_before_it_connects() -> None:
    code, said = call("migrate", **{**PRODUCTION, "PAYCLEAR_ENVIRONMENT": "production"})
    assert code == 2
    assert "PAYCLEAR_DATABASE_OWNER_URL_FILE" in said


RSA_LIKE = f"-----BEGIN PRIVATE KEY-----\n{base64.b64encode(b'not a key at all').decode()}\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    "key",
    ["", "one line", RSA_LIKE, Ed25519Signer.generate().public_pem],
    ids=["none", "text", "unreadable", "public half"],
)
def test_audit_key_that_can_not_sign_stops_the_start_in_a_sentence(settings: Settings, key: str) -> None:
    security = replace(settings.security, audit_signing_key=Secret(key))
    with pytest.raises(ConfigurationRefused, match=r"security\.audit_signing_key is no Ed25519") as refused:
        make_runtime(replace(settings, security=security), url="postgresql+psycopg://nobody@/nothing")
    assert not key or key not in str(refused.value)
