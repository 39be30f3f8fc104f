"""Moves bytes from URLs to disk, verified: `make_plan` decides, `Engine.fetch` acts.

plan = make_plan([Source("llava", ("https://host/llava.bin",), "llava.bin", 13, "ab…")], store)
for outcome in Engine().fetch(plan, listener=print):
    ...
"""

from video_censor_personal.transfer.cancel import CancelToken
from video_censor_personal.transfer.engine import Engine
from video_censor_personal.transfer.inspection import inspect, make_plan, verify
from video_censor_personal.transfer.limits import Limits, RetryPolicy
from video_censor_personal.transfer.outcome import FileProgress, Listener, Outcome, Phase, Status
from video_censor_personal.transfer.plan import FileState, Plan, PlannedFile
from video_censor_personal.transfer.source import Source

__all__ = [
    "CancelToken",
    "Engine",
    "FileProgress",
    "FileState",
    "Limits",
    "Listener",
    "Outcome",
    "Phase",
    "Plan",
    "PlannedFile",
    "RetryPolicy",
    "Source",
    "Status",
    "inspect",
    "make_plan",
    "verify",
]
