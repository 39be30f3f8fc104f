"""Property tests here have no deadline for one example: the machines they run on are busy."""

from hypothesis import settings

settings.register_profile("patient", deadline=None, max_examples=60)
settings.load_profile("patient")
