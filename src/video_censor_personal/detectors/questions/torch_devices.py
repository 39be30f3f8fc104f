"""What torch can compute on here, without loading what else its models need."""

from __future__ import annotations

__all__ = ["torch_device"]


def torch_device(wanted: str) -> str | None:
    """What torch calls the device `wanted`, the best there is for `auto`; None: it is not there.

    DirectML is nothing that torch computes on: the CPU takes its place.
    """
    import torch

    there = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if wanted == "auto":
        return next(name for name, is_there in there.items() if is_there)
    name = {"coreml": "mps", "directml": "cpu"}.get(wanted, wanted)
    return name if there.get(name, False) else None
