"""Builders of valid rows, one file a feature. `use(uow)` binds them to a test's unit of work."""
