"""What a report looks like outside: JSON, a page to look at, an edit list, cleaned subtitles."""
