"""Models that look at pictures, what they are shown, and the concepts they look for."""
