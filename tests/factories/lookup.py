"""What clearance reads of the catalogue: the authorities whose decisions must be here."""

import factory

from payclear.catalogue.reference_models import LegalParameter
from tests.factories.catalogue import DatedFactory


class LegalParameterFactory(DatedFactory):
    class Meta:
        model = LegalParameter

    kind = "clearance_authority"
    code = factory.Sequence(lambda n: f"authority-{n}")
    value = {"agency": "H00.14", "keys": ["citizen-id"], "fresh_days": 1, "portals": ["demoportal"]}  # noqa: RUF012
