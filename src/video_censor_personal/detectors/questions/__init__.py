"""Asking a vision-language model about a picture, here or at a server, and reading its answer."""
