"""Asking a Hugging Face hub, and believing nothing of what it says before it is checked."""
