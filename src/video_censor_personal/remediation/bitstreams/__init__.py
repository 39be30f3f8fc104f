"""What the bit streams of codecs say of themselves, read and written."""
