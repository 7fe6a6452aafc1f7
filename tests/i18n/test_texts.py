"""The catalogue of texts: both languages whole, and files that contradict it refused."""

import tomllib
from pathlib import Path

import pytest

import payclear.i18n.texts as catalogue
from payclear.i18n.locales import LOCALES
from payclear.i18n.texts import MissingText, all_keys, has_text, params_of, register_texts, translate
from payclear.kernel.errors import all_error_classes
from payclear.security import keyring, sealed, standard_webhooks

FOLDER = Path(catalogue.__file__).with_name("texts")
HTTP_CODES = [
    *[
        "malformed_json",
        "unsupported_media_type",
        "unauthenticated",
        "forbidden",
        "too_large",
        "rate_limited",
    ],
    *["method_not_allowed", "idempotency_key_missing", "idempotency_key_reused", "idempotency_in_flight"],
    "internal",
]


@pytest.fixture
def fresh_catalogue(monkeypatch):
    """The catalogue as it is, put back after the test."""
    monkeypatch.setattr(catalogue, "_texts", {locale: dict(catalogue._texts[locale]) for locale in LOCALES})
    monkeypatch.setattr(catalogue, "_sources", dict(catalogue._sources))


def write(folder: Path, vi: str, en: str, name: str = "plug_in.toml") -> Path:
    path = folder / name
    path.write_text(f"[vi]\n{vi}\n[en]\n{en}\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("locale", LOCALES)
def test_missing_key_is_an_error_in_every_language(locale):
    with pytest.raises(MissingText, match="no text"):
        translate("no.such.key", locale)
    assert issubclass(MissingText, KeyError)


def test_unknown_locale_is_a_mistake():
    with pytest.raises(ValueError, match="locale"):
        translate("error.internal", "fr")


@pytest.mark.parametrize(
    ("vi", "en", "problem"),
    [
        ('"p.a" = "một"', "", "p.a is missing in a language"),
        ('"p.a" = "một"', '"p.a" = "one"\n"p.b" = "two"', "p.b is missing in a language"),
        ('"p.a" = "một {n}"', '"p.a" = "one"', "other parameters"),
        ('"p.a" = "một {n}"', '"p.a" = "one {m}"', "other parameters"),
        ('"p.a" = "  "', '"p.a" = "one"', "not a text"),
        ('"p.a" = 1', '"p.a" = "one"', "not a text"),
        ('p.a = "một"', 'p.a = "one"', "not a text"),
        ('"p.a" = "m\u00f4\u0323t"', '"p.a" = "one"', "NFC"),
        ('"p.a" = "{n.real}"', '"p.a" = "{n}"', "plain name"),
        ('"p.a" = "{n!r}"', '"p.a" = "{n}"', "plain name"),
        ('"p.a" = "{n:>5}"', '"p.a" = "{n}"', "plain name"),
        ('"p.a" = "{}"', '"p.a" = "{}"', "plain name"),
        ('"p.a" = "{"', '"p.a" = "x"', "p.a"),
        ('"P a" = "một"', '"P a" = "one"', "bad key"),
        ('"error.internal" = "một"', '"error.internal" = "one"', "belongs to errors.toml"),
    ],
)
def test_file_that_contradicts_itself_or_the_catalogue_is_refused(fresh_catalogue, tmp_path, vi, en, problem):
    before = all_keys()
    with pytest.raises(ValueError, match=problem):
        register_texts(write(tmp_path, vi, en))
    assert all_keys() == before


def test_file_without_exactly_both_languages_is_refused(fresh_catalogue, tmp_path):
    path = tmp_path / "half.toml"
    path.write_text('[vi]\n"p.a" = "một"\n')
    with pytest.raises(ValueError, match="exactly the tables"):
        register_texts(path)


def test_registered_texts_are_translated_with_their_parameters(fresh_catalogue, tmp_path):
    path = write(tmp_path, '"p.left" = "Còn {count} {what}"', '"p.left" = "{count} {what} left, {{ok}}"')
    register_texts(path)
    register_texts(path)
    assert has_text("p.left")
    assert translate("p.left", "vi", count=2, what="{ngày}") == "Còn 2 {ngày}"
    assert translate("p.left", "en", count=2, what="days") == "2 days left, {ok}"
    with pytest.raises(MissingText, match="what"):
        translate("p.left", "vi", count=2)
    assert not has_text("p.right")


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_every_file_has_the_same_keys_and_parameters_in_both_languages(path):
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    assert set(tables) == set(LOCALES)
    assert tables["vi"].keys() == tables["en"].keys()
    for key in tables["vi"]:
        assert params_of(tables["vi"][key]) == params_of(tables["en"][key]), key
        assert translate(key, "vi", **dict.fromkeys(params_of(tables["vi"][key]), "x"))


def test_every_error_of_kernel_and_security_and_http_has_a_title():
    assert {keyring.KeyUnusable, sealed.SealBroken, standard_webhooks.WebhookSignatureInvalid} <= set(
        all_error_classes()
    )
    ours = ("payclear.kernel.", "payclear.security.")
    codes = {each.code for each in all_error_classes() if each.__module__.startswith(ours)}
    assert [code for code in sorted({*codes, *HTTP_CODES}) if not has_text(f"error.{code}")] == []
