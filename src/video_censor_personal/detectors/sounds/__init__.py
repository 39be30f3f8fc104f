"""Models that know sounds, and which of their sounds count for what."""
