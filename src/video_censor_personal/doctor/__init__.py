"""What this machine can run, how fast, and what is missing: looked at, not guessed.

for section in examine(config):
    print(section.title, [finding.text for finding in section.findings])
"""

from video_censor_personal.doctor.checkup import examine
from video_censor_personal.doctor.findings import Finding, Section

__all__ = ["Finding", "Section", "examine"]
