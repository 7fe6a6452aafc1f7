"""Every error that can reach a person or a portal has its words in both languages (texts come in pairs)."""

import importlib
import pkgutil
from types import ModuleType

import payclear
import providers
import reconciliation
from payclear.http.errors import HTTP_CODES
from payclear.i18n.texts import has_text
from payclear.kernel.errors import all_error_classes
from payclear.runtime import Runtime

OURS = ("payclear", "providers", "reconciliation")


def import_all(package: ModuleType) -> None:
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def test_every_error_code_has_a_title(runtime: Runtime) -> None:
    """The runtime is assembled, so that the texts of plug-in modules are loaded too."""
    for package in (payclear, providers, reconciliation):
        import_all(package)
    codes = {each.code for each in all_error_classes() if each.__module__.split(".")[0] in OURS} | HTTP_CODES
    assert sorted(code for code in codes if not has_text(f"error.{code}")) == []
