"""The main job: one video in; a report, a page and a censored copy out.

`plan_job` refuses what can be refused before the first frame is decoded, and gives a value that
says what would be done. `run_job` does it.
"""

from video_censor_personal.job.outcome import Outcome
from video_censor_personal.job.outputs import JobOutputs
from video_censor_personal.job.plan import JobPlan, Request, plan_job
from video_censor_personal.job.run import run_job

__all__ = ["JobOutputs", "JobPlan", "Outcome", "Request", "plan_job", "run_job"]
