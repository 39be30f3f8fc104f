"""Property tests here have no deadline for one example, and may take long to make one up: the
machines they run on are busy."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "patient", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("patient")
