"""Where models come from: one module a registry, all behind `resolver.Resolver`."""

from video_censor_personal.sources.deliveries import Deliveries
from video_censor_personal.sources.resolver import Placement, Resolver

__all__ = ["Deliveries", "Placement", "Resolver"]
