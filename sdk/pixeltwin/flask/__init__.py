"""The Flask extension, thin: it hands requests to `Visit` and what comes of them to responses.

twin = PixelTwin(app)                                   # or init_app(app); configuration PIXELTWIN_*
twin.track(Purchase(order_id="1001", value="59.90", currency="EUR"), email=order.email)
<head>{{ pixeltwin.head() }}</head>

extension   PixelTwin: configuration, loaders, track          exchange    facts of the request in, changes out
templating  what templates see as `pixeltwin`                 endpoints   the first-party paths /_pixeltwin/…
"""

from __future__ import annotations

from .extension import NO_CONSENT_SOURCE, PixelTwin
from .who import TwinOptions

__all__ = ["NO_CONSENT_SOURCE", "PixelTwin", "TwinOptions"]
