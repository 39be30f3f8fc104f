"""What is on disk: names, locks, records of verified files, atomic publication."""

from video_censor_personal.file_names import check_name
from video_censor_personal.store.folder import Store, sync_folder
from video_censor_personal.store.leftovers import Leftover, piece_map_path
from video_censor_personal.store.locks import Lock, Owner
from video_censor_personal.store.records import Fingerprint

__all__ = [
    "Fingerprint",
    "Leftover",
    "Lock",
    "Owner",
    "Store",
    "check_name",
    "piece_map_path",
    "sync_folder",
]
