"""Sound that changes: what is decoded, muted, encoded and joined to what is copied."""
