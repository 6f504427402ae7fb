"""`pixeltwin outbox`: what waits, what went, what was refused and why, and what a person may change of it.

outbox_list     list, show      outbox_watch   the live view
outbox_changes  retry, cancel, purge           outbox_tables  the tables of all of them
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from .outbox_changes import cancel_command, purge_command, retry_command
from .outbox_list import list_command, show_command
from .outbox_watch import watch_command

if TYPE_CHECKING:
    from ..tracker import Tracker


class Listing(click.Group):
    """A group that lists when it is told nothing else: its options without a command are those of `list`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0].startswith("-") and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def outbox_command(tracker: Callable[[], Tracker]) -> click.Group:
    group = Listing("outbox", help="What waits, what went, what was refused and why. Alone it is `outbox list`.")
    for made in (list_command, show_command, watch_command, retry_command, cancel_command, purge_command):
        group.add_command(made(tracker))
    return group
