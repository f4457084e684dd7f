"""What a large study costs."""

CELLS = {}
