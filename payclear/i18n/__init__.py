"""Vietnamese and English: texts, amounts in figures and in words, dates."""
