"""The schema is what the migrations make from nothing, and the models say the same."""

import re
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from payclear.db.migrate import FOLDER, current_revision, head, migrate
from payclear.db.tables import load_metadata
from tests.database import TestServer

VERSIONS = sorted(Path(FOLDER, "versions").glob("[0-9]*.py"))


def test_migrations_are_numbered_without_gaps_and_the_head_file_names_the_last() -> None:
    numbers = [path.name[:4] for path in VERSIONS]
    assert numbers == [f"{number:04d}" for number in range(1, len(numbers) + 1)]
    assert head() == numbers[-1]


def test_each_migration_is_named_by_a_verb_and_an_object() -> None:
    assert all(
        re.fullmatch(r"\d{4}_(create|add|drop|change|fill)_[a-z_]+\.py", path.name) for path in VERSIONS
    )


# SQLAlchemy reads a CHECK that is NOT VALID with options that it does not take back.
@pytest.mark.filterwarnings("ignore:Can't validate argument 'dialect_options'")
def test_migrated_schema_equals_the_models(postgres: TestServer) -> None:
    import reconciliation.discrepancies.models
    import reconciliation.intake.models
    import reconciliation.models  # noqa: F401  (they join the same metadata)

    engine = create_engine(postgres.owner_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = [
            difference
            for difference in compare_metadata(context, load_metadata().metadata)
            if not _belongs_to_the_queue(difference)
        ]
    engine.dispose()
    assert differences == []


def test_migrating_again_changes_nothing(postgres: TestServer) -> None:
    assert migrate(postgres.owner_url) == head()


def test_empty_database_reaches_the_head(postgres: TestServer) -> None:
    address = postgres.new_database("from_nothing")
    assert migrate(address) == head()
    engine = create_engine(address)
    assert current_revision(engine) == head()
    engine.dispose()


def _belongs_to_the_queue(difference: tuple) -> bool:
    return any("procrastinate" in str(getattr(part, "name", part)) for part in difference[1:])
