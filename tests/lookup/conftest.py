"""People who owe, and what look-up says to those who ask."""

from dataclasses import dataclass
from datetime import date

import pytest
from flask import Flask

from payclear.lookup import service
from payclear.lookup.records import Question, Result
from payclear.obligations.domain import LineType, ServedMethod
from payclear.obligations.obligors import ObligorFacts
from payclear.obligations.records import FineDocument, ObligationView, RegisterObligation
from payclear.obligations.rules.plates import PlateColour
from payclear.obligations.service import register
from tests.factories.base import use
from tests.factories.lookup import LegalParameterFactory
from tests.portal_api import PortalApi
from tests.scenes import Scene, _line

DRIVER = ObligorFacts(
    name="TRẦN THỊ KHÔNG CÓ THẬT",
    id_no="000000004321",
    plate="30A-123.45",
    plate_colour=PlateColour.WHITE,
    licence_no="790000000001",
)


@dataclass(slots=True)
class Street:
    """A scene where fines are given to drivers, and where anybody may ask."""

    scene: Scene

    def fine(
        self,
        obligor: ObligorFacts = DRIVER,
        *,
        number: str = "0012345/QĐ-XPHC",
        amount: int = 1_000_000,
        served_on: date = date(2026, 11, 15),
    ) -> ObligationView:
        """Register a fine; on the scene's day its term is not over unless it was served before."""
        command = RegisterObligation(
            portal_code=self.scene.portal_code,
            agency_code=self.scene.agency_code,
            document=FineDocument(
                decision_no=number,
                decided_on=served_on,
                served_on=served_on,
                served_method=ServedMethod.HANDED,
                surcharge_beneficiary_account="TK-CHAMNOP",
                surcharge_chapter="000",
                surcharge_sub_item="0000",
            ),
            obligor=obligor,
            lines=(_line(LineType.FINE, amount, "TK-PHAT"),),
        )
        runtime = self.scene.runtime
        with runtime.database.begin() as uow:
            made = register(uow, command, sealer=runtime.sealer, index=runtime.blind_index)
            uow.commit()
        return made

    def ask(
        self,
        number: str = "0012345/QĐ-XPHC",
        factor: str = "4321",
        *,
        agency_code: str | None = None,
        document_on: date | None = None,
        asked_by: str = "192.0.2.1",
        portal_code: str | None = None,
    ) -> tuple[Result, ...]:
        """Look up and commit."""
        runtime = self.scene.runtime
        question = Question(
            number=number,
            factor=factor,
            agency_code=agency_code,
            document_on=document_on,
            asked_by=asked_by,
            portal_code=portal_code,
        )
        with runtime.database.begin() as uow:
            results = service.look_up(uow, question, sealer=runtime.sealer, index=runtime.blind_index)
            uow.commit()
        return results

    def covered(self, complete_to: date, *, keys: tuple[str, ...] = ("id_no", "plate", "licence_no")) -> None:
        """The authority says that its decisions are here up to a day."""
        with self.scene.runtime.database.begin() as uow:
            uow.run(
                """
                WITH batch AS (
                    INSERT INTO decision_batch (id, portal_code, format, sha256, size_bytes, agency_code, complete_to,
                                                key_kinds, state, rows, received_by, received_at, finished_at)
                    VALUES (gen_random_uuid(), %(portal)s, 'csv', md5(random()::text), 1, %(agency)s, %(to)s, %(keys)s,
                            'finished', 0, 'test', %(now)s, %(now)s)
                    RETURNING id
                )
                INSERT INTO decision_coverage (batch_id, agency_code, key_kinds, complete_to, recorded_at)
                SELECT id, %(agency)s, %(keys)s, %(to)s, %(now)s FROM batch
                """,
                {
                    "portal": self.scene.portal_code,
                    "agency": self.scene.agency_code,
                    "keys": list(keys),
                    "to": complete_to,
                    "now": uow.now,
                },
            )
            uow.commit()

    def named(
        self,
        *,
        keys: tuple[str, ...] = ("citizen-id", "licence-no", "plate"),
        days: int = 1,
        portals: tuple[str, ...] = (),
    ) -> None:
        """The catalogue names the authority as one whose decisions must be here."""
        with self.scene.runtime.database.begin() as uow:
            use(uow.session)
            LegalParameterFactory(
                value={
                    "agency": self.scene.agency_code,
                    "keys": list(keys),
                    "fresh_days": days,
                    "portals": list(portals or [self.scene.portal_code]),
                }
            )
            uow.commit()


@pytest.fixture
def street(scene: Scene) -> Street:
    return Street(scene)


@pytest.fixture
def portal(app: Flask, scene: Scene) -> PortalApi:
    return PortalApi.of(app, scene)
