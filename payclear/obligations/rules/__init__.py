"""Pure: facts and catalogue values in, what is owed out; each figure names the rule it rests on."""
