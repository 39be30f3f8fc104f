"""Pictures that change: what is decoded, hidden, encoded and joined to what is copied."""
