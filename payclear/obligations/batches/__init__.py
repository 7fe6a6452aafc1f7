"""Decisions uploaded by the file: kept, read and registered in the background, with one result for every row."""
