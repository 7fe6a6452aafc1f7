"""A province whose authority has accounts in the catalogue, and the hands of a worker."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest

from payclear.obligations.batches import service
from payclear.obligations.batches.domain import BatchFormat
from payclear.obligations.batches.records import BatchView, ResultRow, Upload
from payclear.runtime import Runtime
from tests.scenes import Scene

ACCOUNTS = """
INSERT INTO service_account (id, beneficiary_account, agency_code, item_code, chapter, sub_item, locality,
                             collecting_agency, valid_from, legal_basis)
VALUES ('fine', 'TK-PHAT', 'H00.14', 'fine', '000', '0000', '00000', '0000000', '2020-01-01', 'test'),
       ('late', 'TK-CHAMNOP', 'H00.14', 'late_surcharge', '000', '0000', '00000', '0000000', '2020-01-01', 'test')
"""


@dataclass(slots=True)
class Office:
    """Uploads files and takes them, as portal and worker would."""

    scene: Scene

    @property
    def runtime(self) -> Runtime:
        return self.scene.runtime

    def send(self, content: bytes, format_: BatchFormat = BatchFormat.CSV, **options: Any) -> BatchView:
        upload = Upload(
            portal_code=options.pop("portal_code", self.scene.portal_code),
            by="key-1",
            format=format_,
            content=content,
            **options,
        )
        with self.runtime.database.begin() as uow:
            view, _ = service.receive(uow, self.runtime.sealer, upload)
            uow.commit()
        return view

    def take(self, batch_id: UUID) -> BatchView:
        service.take_batch(self.runtime, batch_id)
        return self.look(batch_id)

    def look(self, batch_id: UUID) -> BatchView:
        with self.runtime.database.begin() as uow:
            return service.get(uow, batch_id, portal_code=self.scene.portal_code)

    def results(self, batch_id: UUID) -> list[ResultRow]:
        with self.runtime.database.begin() as uow:
            return service.results(uow, batch_id, portal_code=self.scene.portal_code, after=0, most=100_000)

    def upload(self, content: bytes, format_: BatchFormat = BatchFormat.CSV, **options: Any) -> list[tuple]:
        """The results of a file as (row, result, column, code)."""
        sent = self.send(content, format_, **options)
        taken = self.take(sent.id)
        assert taken.problem is None, (taken.problem, taken.problem_line, taken.problem_column)
        return [(each.row_no, each.result, each.column_name, each.code) for each in self.results(sent.id)]

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with self.runtime.database.begin() as uow:
            return uow.run(sql, parameters).fetchall()


@pytest.fixture
def office(scene: Scene) -> Office:
    with scene.runtime.database.begin() as uow:
        uow.run(ACCOUNTS)
        uow.commit()
    return Office(scene)


@pytest.fixture
def holds(office: Office) -> Callable[[], None]:
    """The invariants of batches, at the end of a test."""
    from payclear.obligations.batches.checks import CHECKS

    def look() -> None:
        for check in CHECKS:
            assert office.rows(check.sql) == [], check.id

    return look
