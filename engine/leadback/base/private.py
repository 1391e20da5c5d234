"""Files with people's data or secrets: made for this user alone, and seen when they are not."""

import os
import stat
from pathlib import Path

_OTHERS = stat.S_IRWXO | stat.S_IWGRP
"""Whoever is on this machine. A group that may read is a choice: services are given secrets so."""


def open_private(path: Path, flags: int) -> int:
    """As os.open, of a file that is made when it is new: no other user can read it from then on.

    Raises OSError, also when the file is somebody else's and cannot be made private.
    """
    handle = os.open(path, flags | os.O_CREAT, 0o600)
    try:
        found = os.fstat(handle).st_mode
        if stat.S_ISREG(found) and found & (stat.S_IRWXG | stat.S_IRWXO):
            os.fchmod(handle, 0o600)  # the mode above is for new files alone
    except BaseException:
        os.close(handle)
        raise
    return handle


def is_open_to_others(path: Path | int) -> bool:
    """Whether everybody on this machine can read or change the file (a path or a descriptor), or a
    group can change it. False for one that is not there."""
    try:
        found = os.stat(path).st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISREG(found) and bool(found & _OTHERS)
