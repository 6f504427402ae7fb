"""`pixeltwin snippet`: an event typed by hand, and what each platform's browser and server half make of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from typing import Any, get_args

import click
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from ..consent import Consent
from ..contract import BrowserCall, Platform
from ..conversion import ActionSource, Conversion, issue_id
from ..errors import PixeltwinError
from ..platforms import installed
from ..strictjson import pretty
from . import typed
from .halves import Halves, Pixel, example, halves

WIDE = 110  # columns from which on both halves fit side by side
_STATES = ("granted", "limited", "denied", "pending")

# The configured platforms, and the country of phone numbers without a country code.
Configured = Callable[[], tuple[Sequence[Platform], str | None]]


def snippet_command(configured: Configured) -> click.Command:
    @click.command("snippet")
    @click.option("--event", "kind", required=True, help="What happened: Purchase, AddToCart, …")
    @click.option("--platform", "wanted", multiple=True, help="Only this platform or pixel; may be repeated.")
    @click.option("--visitor", "person", multiple=True, metavar="NAME=VALUE", help="email=…, ip_address=…; repeat it.")
    @click.option("--as", "names", multiple=True, metavar="PLATFORM=NAME", help="The platform's own name to use.")
    @click.option("--consent", type=click.Choice(_STATES), default="granted", show_default=True)
    @click.option("--country", help="Where limited use applies: US.")
    @click.option("--state", help="Where limited use applies: CA.")
    @click.option("--id", "conversion_id", help="The conversion ID; a new one by default.")
    @click.option("--source-url", help="The page it happened on.", default="https://shop.example/")
    @click.option("--action-source", type=click.Choice(get_args(ActionSource)), default="web", show_default=True)
    @click.option("--app", "application", multiple=True, metavar="NAME=VALUE", help="platform=ios, id=…; repeat it.")
    @click.option("--json", "as_json", is_flag=True, help="Plain JSON, for programs.")
    @click.argument("fields", nargs=-1, metavar="[FIELD=VALUE]…")
    def snippet(
        kind: str,
        wanted: tuple[str, ...],
        person: tuple[str, ...],
        names: tuple[str, ...],
        consent: str,
        country: str | None,
        state: str | None,
        conversion_id: str | None,
        source_url: str,
        action_source: ActionSource,
        application: tuple[str, ...],
        as_json: bool,
        fields: tuple[str, ...],
    ) -> None:
        """Show what an event becomes: the pixel's calls and the server's body, side by side. Nothing is sent.

        Fields are those of the event. An item is ID:PRICExQUANTITY, or JSON as travel= is.

        \b
        pixeltwin snippet --event Purchase order_id=1001 value=59.90 currency=EUR \\
            item=sku-1:29.95x2 --visitor email=ada@example.com
        """
        ours, region = configured()
        try:
            pixels = _pixels(ours, wanted)
            conversion = Conversion(
                event=typed.event(kind, fields, _of_platforms(names, pixels)),
                id=conversion_id or issue_id(),
                occurred_at=datetime.now(timezone.utc),
                visitor=typed.visitor(person, region),
                source_url=source_url if action_source == "web" else None,
                action_source=action_source,
                consent=Consent.from_record({"default": consent, "country": country, "state": state}),
                app=typed.app(application),
            )
            found = [halves(pixel, conversion) for pixel in pixels]
        except PixeltwinError as error:
            raise click.UsageError(str(error)) from None
        if as_json:
            record: dict[str, Any] = {"id": conversion.id, "platforms": [one.record() for one in found]}
            click.echo(pretty(record))
        else:
            console = Console()
            console.print(Text(f"{conversion.event.type}  {conversion.id}", style="bold"))
            for one in found:
                console.print(_shown(one, console.width))

    return snippet


def _pixels(configured: Sequence[Platform], wanted: Sequence[str]) -> list[Pixel]:
    """The configured pixels, and an example of every platform without one; of these, the wanted ones."""
    known = [Pixel(platform) for platform in configured]
    kinds = {platform.kind for platform in configured}
    if not wanted:
        return known + [example(platform) for kind, platform in installed().items() if kind not in kinds]
    names = dict.fromkeys([*(platform.name for platform in configured), *installed()])
    found: list[Pixel] = []
    for name in dict.fromkeys(typed.as_known(one, names, "platform") for one in wanted):
        ours = [pixel for pixel in known if name in (pixel.platform.name, pixel.platform.kind)]
        found += ours or [example(installed()[name])]
    return found


def _of_platforms(names: Sequence[str], pixels: Sequence[Pixel]) -> list[str]:
    """`PLATFORM=NAME` words, their platforms checked."""
    known = dict.fromkeys(name for pixel in pixels for name in (pixel.platform.name, pixel.platform.kind))
    return [f"{typed.as_known(platform, known, 'platform')}={name}" for platform, name in typed.pairs(names)]


# --- for people ------------------------------------------------------------------------------------------------------


def _shown(found: Halves, width: int) -> RenderableType:
    """Two columns where they fit, one below the other where they do not; the losses below."""
    platform = found.pixel.platform
    title = platform.title if platform.name == platform.kind else f"{platform.title} ({platform.name})"
    parts: list[RenderableType] = [Rule(Text(title, style="bold cyan"), align="left")]
    if found.pixel.made_up:
        parts.append(Text("Not configured: the IDs below are made up.", style="yellow"))
    if width >= WIDE:
        columns = Table.grid(expand=True, padding=(0, 2))
        columns.add_column(ratio=1)
        columns.add_column(ratio=1)
        columns.add_row(_browser(found), _server(found))
        parts.append(columns)
    else:
        parts += [_browser(found), _server(found)]
    for loss in found.losses:
        parts.append(Text(f"lost: {loss.field}: {loss.detail} ({loss.reason})", style="yellow"))
    return Padding(Group(*parts), (1, 0, 0, 0))


def _browser(found: Halves) -> RenderableType:
    parts: list[RenderableType] = [Text("browser", style="bold")]
    if found.calls:
        parts.append(_code("\n".join(map(_call, found.calls)), "javascript"))
    else:
        parts.append(Text(found.no_browser, style="yellow"))
    return Group(*parts)


def _server(found: Halves) -> RenderableType:
    parts: list[RenderableType] = [Text.assemble(("server", "bold"), f"  {found.address}".rstrip())]
    if found.no_server:
        parts.append(Text(found.no_server, style="yellow"))
    if found.body:
        parts.append(_code(pretty(found.body), "json"))
    return Group(*parts)


def _call(call: BrowserCall) -> str:
    return f"{call.function}({', '.join(pretty(argument) for argument in call.args)});"


def _code(code: str, language: str) -> Text:
    text = Syntax(code, language, theme="ansi_dark", background_color="default").highlight(code)
    text.rstrip()
    text.no_wrap, text.overflow = (
        False,
        "fold",
    )  # a digest wider than its column goes on in the next line
    return text
