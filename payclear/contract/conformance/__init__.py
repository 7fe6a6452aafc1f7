"""The conformance kit: the same scenarios for every adapter, played against the other side of its protocol over HTTP.

`scenarios` says what there is and why a scenario does not apply, `plays` and `statements` play what needs no books,
`table` writes the page. Standard library only; a bank engineer's tests and ours call `plays.play`.
"""
