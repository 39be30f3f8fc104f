"""Only here so that `python -m video_censor` works; the program is `video_censor_personal`."""
