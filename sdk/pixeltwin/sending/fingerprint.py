"""Whether settings have changed since they were refused, told by a short digest of them.

Four bytes tell settings apart, and give no token away.
"""

from __future__ import annotations

from hashlib import blake2b

from ..contract import Platform
from ..errors import described


def fingerprint(platform: Platform) -> str:
    """The digest of the platform's settings and of the token as it is now."""
    try:
        token = platform.token
    except Exception as error:  # a callable of the site's, or none is set
        token = described(error)
    plain = sorted((name, value) for name, value in vars(platform).items() if isinstance(value, (str, bool)))
    return blake2b(repr((plain, token)).encode("utf-8", "replace"), digest_size=4).hexdigest()
