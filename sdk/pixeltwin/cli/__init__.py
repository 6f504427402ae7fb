"""The command line: `pixeltwin …`, and its commands as `flask pixeltwin …` with the application's configuration."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ..errors import ConfigurationError, PixeltwinError
from ..version import version
from .signs import ASCII

if TYPE_CHECKING:
    from flask.cli import AppGroup

    from ..config import Settings
    from ..contract import Platform
    from ..tracker import Tracker

T = TypeVar("T")


class Commands(click.Group):
    """A group that shows our own errors as one sentence instead of a traceback, and what cannot be written in the
    encoding of its output as ASCII or "?"."""

    def make_context(self, *given: Any, **extra: Any) -> click.Context:
        reconfigure = getattr(sys.stdout, "reconfigure", None)  # None where there is no output, or not one of text
        if reconfigure:
            reconfigure(errors=ASCII)
        return super().make_context(*given, **extra)

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except PixeltwinError as error:
            raise click.ClickException(str(error)) from error


def _of_environment(make: Callable[[Settings], T]) -> Callable[[], T]:
    """What the environment's settings make; an error says where others may be."""

    def made() -> T:
        from ..config import Settings

        settings = Settings()
        try:
            return make(settings)
        except ConfigurationError as error:
            raise ConfigurationError(f"{error}. {settings.elsewhere}") from error

    return made


def _keyless(settings: Settings) -> Tracker:
    """For commands that derive no id and sign nothing: they do not ask for the application's key."""
    return settings.tracker(secret_keys=[token_hex()])


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version(), prog_name="pixeltwin")
def main() -> None:
    """Browser and server conversion tracking: one conversion, one ID, both sides, proven."""


def _add_commands(
    group: click.Group,
    settings: Callable[[], Settings],
    tracker: Callable[[], Tracker],
    keyless: Callable[[], Tracker],
    platforms: Callable[[], tuple[Sequence[Platform], str | None]],
) -> None:
    """`keyless` gives a tracker whose secret keys need not be those of the application."""
    from .consent import consent_command
    from .deliver import deliver_command
    from .doctor import doctor_command
    from .existing import existing
    from .health import health_command
    from .migrate import migrate_command
    from .outbox import outbox_command
    from .quality import quality_command
    from .reconcile import reconcile_command
    from .snippet import snippet_command
    from .why import why_command

    group.add_command(consent_command(existing(keyless)))
    group.add_command(deliver_command(keyless))
    group.add_command(doctor_command(settings, tracker))
    group.add_command(health_command(existing(keyless)))
    group.add_command(migrate_command(keyless))
    group.add_command(outbox_command(existing(keyless)))
    group.add_command(quality_command(existing(keyless)))
    group.add_command(reconcile_command(existing(tracker)))
    group.add_command(snippet_command(platforms))
    group.add_command(why_command(existing(keyless)))


def flask_group() -> AppGroup:
    """The commands that work on an application's own tracker, for `app.cli`."""
    from flask import current_app
    from flask.cli import AppGroup, with_appcontext

    def settings_of_application() -> Settings:
        from ..config import Settings

        return Settings(current_app.config)

    def of_application() -> Tracker:
        tracker: Tracker = current_app.extensions["pixeltwin"].tracker
        return tracker

    def platforms_of_application() -> tuple[Sequence[Platform], str | None]:
        tracker = of_application()
        return tracker.platforms, tracker.phone_region

    class AppCommands(Commands, AppGroup):
        """The application's group, with our own errors in one sentence too."""

    group = AppCommands("pixeltwin", help="Deliver this application's conversions and look at them.")
    _add_commands(group, settings_of_application, of_application, of_application, platforms_of_application)
    _within(group, with_appcontext)
    return group


def _within(group: click.Group, context: Callable[[Callable[..., object]], Callable[..., object]]) -> None:
    """Every command of the group, and of the groups in it, runs in this context."""
    for command in group.commands.values():
        if isinstance(command, click.Group):
            _within(command, context)
        elif command.callback:
            command.callback = context(command.callback)


@main.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8100,
    show_default=True,
    help="The port to listen on; 0 takes a free one.",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
def sandbox(port: int, host: str) -> None:
    """Serve the sandbox: the platforms' endpoints, pixel scripts and dedup rules, and a page with the verdicts."""
    from ..sandbox.server import serve

    serve(port, host)


_add_commands(
    main,
    settings=_of_environment(lambda settings: settings),
    tracker=_of_environment(lambda settings: settings.tracker()),
    keyless=_of_environment(_keyless),
    platforms=_of_environment(lambda settings: (settings.platforms(), settings.get("PHONE_REGION"))),
)
