"""Every body that registers what is owed, by kind; for `obligations.api` only."""

from typing import Final

from payclear.http.schemas import Choice
from payclear.obligations import schemas
from payclear.obligations.insurance import schemas as insurance_schemas

REGISTRATION: Final = Choice("kind", schemas.REGISTRATION.schemas | insurance_schemas.SCHEMAS)
