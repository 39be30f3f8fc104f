"""Moves bytes from URLs to disk, verified. `make_plan` decides, `Engine.fetch` acts."""
