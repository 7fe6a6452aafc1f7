"""Loads the demonstration data: a portal with its key and endpoint, agencies, accounts, and members of staff.

Called by `payclear demo` and `payclear run`, never in production; the same again changes nothing.
"""

import os
from datetime import date, timedelta

from payclear.catalogue.files import load_catalogue
from payclear.checkout.rules import load_rules
from payclear.identity.activation_queries import set_agency
from payclear.identity.domain import PortalKind, StaffRole
from payclear.identity.service import PortalExists, create_portal, issue_api_key
from payclear.identity.sessions import LoginTaken, create_staff
from payclear.kernel.clock import vietnam_date
from payclear.kernel.problems import OperatorProblem
from payclear.kernel.settings import default_config_dir
from payclear.obligations.batches.domain import BatchFormat
from payclear.obligations.batches.records import Upload
from payclear.obligations.batches.service import batches_of, receive, take_batch
from payclear.runtime import Runtime
from payclear.webhooks.service import endpoints_of, register_endpoint

PORTAL = "demoportal"
EVENT_TYPES = (
    "payment_order.paid",
    "payment_order.exempted",
    "payment_order.failed",
    "payment_order.expired",
    "payment_order.cancelled",
    "payment_order.reversed",
)
# DEMO ONLY: these passwords are printed by `make run` and refused nowhere else than in production, where no demo loads.
STAFF = (
    ("canbo", "Trần Thị Mẫu (cán bộ đối soát)", "doi-soat-thu-2026", (StaffRole.OFFICER,)),
    ("lanhdao", "Lê Văn Mẫu (lãnh đạo)", "xem-bao-cao-thu-2026", (StaffRole.VIEWER,)),
    (
        "lapdanhmuc",
        "Phạm Thị Mẫu (cán bộ danh mục)",
        "danh-muc-thu-2026",
        (StaffRole.VIEWER, StaffRole.CATALOGUE_MAKER),
    ),
    (
        "duyetdanhmuc",
        "Hoàng Văn Mẫu (duyệt danh mục)",
        "duyet-bieu-phi-2026",
        (StaffRole.VIEWER, StaffRole.CATALOGUE_CHECKER),
    ),
)


def load(runtime: Runtime) -> list[str]:
    """Load everything that is missing; returns the lines that tell a newcomer how to log in."""
    settings = runtime.settings
    if settings.is_production:
        raise OperatorProblem("The demonstration data is not for production.")
    folder = default_config_dir(os.environ) / "catalogue"
    with runtime.database.begin() as uow:
        for name in ("national.toml", "privacy.toml", "demo.toml"):
            load_catalogue(uow, folder / name)
        load_rules(runtime, uow, [folder / name for name in ("routing.toml", "demo_routing.toml")])
        uow.commit()
    _portal(runtime)
    _staff(runtime)
    return [f"{login} / {password}" for login, _name, password, _roles in STAFF]


def load_with_decisions(runtime: Runtime) -> list[str]:
    """Load as `load` does, and a batch of three fine decisions to look up, once."""
    lines = load(runtime)
    with runtime.database.begin() as uow:
        if batches_of(uow, PORTAL):
            return lines
        upload = Upload(
            portal_code=PORTAL,
            by="demo",
            format=BatchFormat.CSV,
            content=_decisions(vietnam_date(uow.now)),
            agency_code="A00.01",
        )
        batch, _ = receive(uow, runtime.sealer, upload)
        uow.commit()
    take_batch(runtime, batch.id)
    return lines


def _decisions(today: date) -> bytes:
    """One decision that is late, one within its term, one that is not proved to have been served."""
    rows = (
        ("0012301/QĐ-XPHC", 40, 36, "handed", "PHẠM VĂN MẪU", "000000000004", "00A-000.01", 1_000_000),
        ("0012302/QĐ-XPHC", 9, 5, "registered_post", "LÊ THỊ MẪU", "000000000005", "00A-000.02", 2_500_000),
        ("0012303/QĐ-XPHC", 2, None, "", "HOÀNG VĂN MẪU", "000000000006", "00C-000.03", 6_000_000),
    )
    head = "decision_no,decided_on,served_on,served_method,violator_name,id_no,plate,plate_colour,amount"
    lines = [head]
    for number, decided, served, method, name, id_no, plate, amount in rows:
        served_on = today - timedelta(days=served) if served is not None else ""
        decided_on = today - timedelta(days=decided)
        lines.append(f"{number},{decided_on},{served_on},{method},{name},{id_no},{plate},white,{amount}")
    return "\n".join(lines).encode()


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
                kind=PortalKind.PROVINCE,
            )
        except PortalExists:
            # Earlier demonstrations bound it, when that was no more than a note; it plays every agency's portal.
            set_agency(uow, PORTAL, None)
            uow.commit()
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
