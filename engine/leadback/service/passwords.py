"""Which passwords are easy to guess: zxcvbn's estimate of how many guesses one takes.

It knows the passwords and words that people take most (from lists of breached ones too), names,
dates, repetitions, sequences and runs on a keyboard, in other letters' disguise as well.
https://www.usenix.org/conference/usenixsecurity16/technical-sessions/presentation/wheeler
"""

import re
import threading

from zxcvbn import zxcvbn

LEAST = 3
"""Of its scores 0 to 4: more than 10^8 guesses."""
JUDGED = 32
"""Characters that are looked at: whoever guesses a password guesses its beginning. Of signs that
may stand for letters (4@8({[…) the time grows with the length: 1.5 s for 32, 20 s for 72."""

_LOCK = threading.Lock()


def is_easy(password: str, name: str) -> bool:
    """Whether a password of this login takes few guesses. Up to 2 s of work: not for strangers."""
    about = [word for word in (name, *re.split(r"[\W_]+", name), "leadback") if len(word) > 2]
    # Who it is for is worth nothing, as often as it stands there; in disguise it is a known word.
    rest = re.sub("|".join(map(re.escape, about)), "", password, flags=re.IGNORECASE)
    if not rest:
        return True
    with _LOCK:  # it keeps what it is told about the person in a dictionary of the whole process
        found = zxcvbn(rest[:JUDGED], user_inputs=about)
    return bool(found["score"] < LEAST)
