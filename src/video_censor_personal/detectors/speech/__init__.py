"""Words: recognised, aligned with subtitles, looked up in lists of words."""
