"""Finds what a person does not want to see or hear in their own videos, and writes a censored copy.

Importing this package is cheap: no codec, no model runtime and no disk is touched before something
is used.
"""

__version__ = "0.1.0"
