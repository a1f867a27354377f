"""The journal, the database that outlives all: :mod:`.journal` writes, :mod:`.history` reads."""
