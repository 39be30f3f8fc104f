"""Byte counts as people read them."""

from __future__ import annotations

__all__ = ["describe_known_size", "describe_size"]

_UNITS = ("kB", "MB", "GB", "TB", "PB")


def describe_size(size_bytes: float) -> str:
    """`13_000_000_000` is "13.0 GB", `484_000_000` is "484 MB": decimal units, as disks count."""
    if size_bytes < 1000:
        return f"{size_bytes:.0f} B"
    value = float(size_bytes)
    for unit in _UNITS:
        value /= 1000
        # 999,600 would be written "1000 kB".
        if value < 999.5 or unit == _UNITS[-1]:
            break
    return f"{value:.1f} {unit}" if value < 99.95 else f"{value:.0f} {unit}"


def describe_known_size(size_bytes: int | None) -> str:
    """As `describe_size`; "size unknown" for None and for 0, which declares no size."""
    return describe_size(size_bytes) if size_bytes else "size unknown"
