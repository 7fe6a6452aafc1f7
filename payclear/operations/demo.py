"""Loads the demonstration data: a portal with its key and endpoint, agencies, accounts, and two members of staff.

Called by `payclear demo` and `payclear run`, never in production; the same again changes nothing.
"""

import os

from payclear.catalogue.files import load_catalogue
from payclear.checkout.rules import load_rules
from payclear.identity.domain import StaffRole
from payclear.identity.service import PortalExists, create_portal, issue_api_key
from payclear.identity.sessions import LoginTaken, create_staff
from payclear.kernel.problems import OperatorProblem
from payclear.kernel.settings import default_config_dir
from payclear.runtime import Runtime
from payclear.webhooks.service import endpoints_of, register_endpoint

PORTAL = "demoportal"
EVENT_TYPES = (
    "payment_order.paid",
    "payment_order.failed",
    "payment_order.expired",
    "payment_order.cancelled",
    "payment_order.reversed",
)
# DEMO ONLY: these passwords are printed by `make run` and refused nowhere else than in production, where no demo loads.
STAFF = (
    ("canbo", "Trần Thị Mẫu (cán bộ đối soát)", "doi-soat-thu-2026", (StaffRole.OFFICER,)),
    ("lanhdao", "Lê Văn Mẫu (lãnh đạo)", "xem-bao-cao-thu-2026", (StaffRole.VIEWER,)),
)


def load(runtime: Runtime) -> list[str]:
    """Load everything that is missing; returns the lines that tell a newcomer how to log in."""
    settings = runtime.settings
    if settings.is_production:
        raise OperatorProblem("The demonstration data is not for production.")
    folder = default_config_dir(os.environ) / "catalogue"
    with runtime.database.begin() as uow:
        for name in ("national.toml", "demo.toml"):
            load_catalogue(uow, folder / name)
        load_rules(runtime, uow, [folder / name for name in ("routing.toml", "demo_routing.toml")])
        uow.commit()
    _portal(runtime)
    _staff(runtime)
    return [f"{login} / {password}" for login, _name, password, _roles in STAFF]


def _portal(runtime: Runtime) -> None:
    example = runtime.settings.portal_example
    address = f"http://{example.host}:{example.port}"
    with runtime.database.begin() as uow:
        try:
            create_portal(
                uow,
                code=PORTAL,
                name_vi="Cổng dịch vụ công tỉnh Mẫu",
                name_en="Sample Province Public Service Portal",
                return_url_prefixes=[f"{address}/return"],
            )
        except PortalExists:
            return
        issue_api_key(uow, PORTAL, example.api_key.reveal())
        if not endpoints_of(uow, PORTAL):
            register_endpoint(
                uow,
                runtime.sealer,
                PORTAL,
                f"{address}/payclear/webhooks",
                EVENT_TYPES,
                example.webhook_secret,
                allow_hosts=runtime.settings.webhooks.allow_hosts,
            )
        uow.commit()


def _staff(runtime: Runtime) -> None:
    for login, name, password, roles in STAFF:
        with runtime.database.begin() as uow:
            try:
                create_staff(uow, login=login, display_name=name, password=password, roles=roles)
            except LoginTaken:
                continue
            uow.commit()
