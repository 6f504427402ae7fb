"""Settings: present, well formed, and not mixed up. Nothing is sent for it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ..config import PREFIX, Settings
from ..errors import ConfigurationError
from ..platforms import faulty, installed
from .finding import Finding
from .secrets import key_faults, token_faults

if TYPE_CHECKING:
    from ..contract import Platform
    from ..tracker import Tracker

CHECK = "settings"
MAKE_A_KEY = 'Make one with: python -c "import secrets; print(secrets.token_hex(32))"'


def written(settings: Settings) -> Iterator[Finding]:
    """The settings as they were written, before anything is made of them."""
    for advice in settings.unknown():
        why = "What it was meant to say has no effect."
        yield Finding(CHECK, "warning", sentence(advice), why, "Correct its name, or take it away.")
    for kind, fault in faulty().items():
        what, _, do = fault.partition("; ")
        given = settings.given_for(kind)
        why = f"Nothing starts while {given[0]} is set." if given else "Nobody can use it; all others go on without it."
        yield Finding(CHECK, "fault" if given else "warning", sentence(what), why, sentence(do.capitalize()), kind)
    tokens: dict[str, str] = {}
    sandboxed = bool(settings.get("SANDBOX"))  # which takes any token
    for kind, platform in installed().items():
        wrong = False
        for setting in platform.settings:
            name = f"{kind.upper()}_{setting.name.upper()}"
            value = settings.raw(name)
            if sandboxed or not setting.secret or not isinstance(value, str) or not value.strip():
                continue
            for what, do in token_faults(value):
                wrong = True
                why = f"{platform.title} will refuse it, and its server events wait."
                yield Finding(CHECK, "fault", f"{PREFIX}{name} {what}.", why, do, kind)
            if twin := tokens.get(value.strip()):
                wrong = True
                why = "Each platform has tokens of its own."
                yield Finding(CHECK, "fault", f"{PREFIX}{name} is also {twin}.", why, "Give each its own.", kind)
            tokens.setdefault(value.strip(), PREFIX + name)
        if not wrong:
            yield from _made(settings, kind, platform)


def _made(settings: Settings, kind: str, platform: type[Platform]) -> Iterator[Finding]:
    """What the platform itself says of its settings where they cannot be used at all."""
    try:
        settings.platform(kind)
    except ConfigurationError as error:
        why, do = f"{platform.title} is not told anything.", f"It needs {settings.needed(kind)}."
        yield Finding(CHECK, "fault", sentence(str(error)), why, do, kind)


def none_at_all(settings: Settings) -> Finding:
    """There is no platform to look at."""
    why = "There is nobody to tell of a conversion."
    do = f"Set, for at least one, {settings.required()}. {sentence(settings.elsewhere)}".rstrip()
    return Finding(CHECK, "fault", "No platform is configured.", why, do)


def used(tracker: Tracker) -> Iterator[Finding]:
    """What is made of the settings: each platform, the secret keys, where conversions go."""
    for platform in tracker.platforms:
        yield from _platform(platform)
    yield from _keys(tracker.secret_keys)


def _platform(platform: Platform) -> Iterator[Finding]:
    found = platform.check_settings()
    for advice in found:
        why = f"{platform.title} may count for another account, or for nobody."
        what, _, do = advice.partition("; ")
        do = sentence(f"{do[:1].upper()}{do[1:]}")
        yield Finding(CHECK, "warning", sentence(f"{platform.title}: {what}"), why, do, platform.name)
    if not platform.has_token:
        why = "What an ad blocker keeps from the pixel is lost, and so is every order that a webhook reports."
        what = f"{platform.title} has no access token, so it has a browser half only."
        yield Finding(CHECK, "warning", what, why, "Generate a token at the platform and set it.", platform.name)
    elif not platform.server:
        yield Finding(CHECK, "note", f"{platform.title} has its server half switched off.", platform=platform.name)
    if not platform.browser:
        yield Finding(CHECK, "note", f"{platform.title} has its browser half switched off.", platform=platform.name)
    if not found and platform.sends:
        yield Finding(CHECK, "ok", f"{platform.title}'s settings are well formed.", platform=platform.name)


def _keys(keys: Sequence[str]) -> Iterator[Finding]:
    wrong = list(key_faults(keys))
    why = "IDs of orders are derived with it: who knows it can fire a conversion before it happens."
    for what in wrong:
        do = f"Add a better one at the end of {PREFIX}SECRET_KEYS and keep the old one for a day. {MAKE_A_KEY}"
        yield Finding(CHECK, "warning", what, why, do)
    if not wrong:
        yield Finding(CHECK, "ok", "The secret keys are long enough.")


def sentence(text: str) -> str:
    """With a full stop, where it has no end of its own."""
    return text if not text or text[-1] in ".?!" else f"{text}."
