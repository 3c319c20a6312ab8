"""The command line: which commands there are. What they do is in `commands/`."""

from typing import Any

import typer
from typer.core import TyperGroup

from cabstand.commands import (
    apply,
    care,
    deliveries,
    demo,
    doctor,
    doors,
    fleets,
    keys,
    messages,
    migrate,
    pages,
    serve,
    simulate,
    up,
)
from cabstand.commands.errors import EXPECTED, message
from cabstand.settings import SettingsError


class _Group(TyperGroup):
    """Says on standard error what went wrong, in place of a traceback: 1 if it failed, 2 if it was asked wrongly."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # whoever read the output has read enough, such as `head`: the program ends quietly
        except EXPECTED as error:
            typer.echo(message(error), err=True)
            raise typer.Exit(2 if isinstance(error, SettingsError) else 1) from None


def _group(summary: str) -> typer.Typer:
    return typer.Typer(help=summary, no_args_is_help=True)


app = typer.Typer(
    cls=_Group,
    help="A self-hosted ride exchange: every way of asking for a ride meets every way of serving one.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command("up")(up.up)
app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("simulate")(simulate.simulate)
app.command("migrate")(migrate.migrate)
app.command("doctor")(doctor.doctor)
app.command("apply")(apply.apply)
app.command("messages")(messages.messages)
app.command("doors")(doors.doors)
app.command("docs")(pages.pages)

_keys = _group("Keys: list, create, revoke, webhooks.")
_keys.command("list")(keys.list_)
_keys.command("create")(keys.create)
_keys.command("revoke")(keys.revoke)
_keys.command("webhook")(keys.webhook)
app.add_typer(_keys, name="keys")

_deliveries = _group("What was sent to partners: list, show, resend.")
_deliveries.command("list")(deliveries.list_)
_deliveries.command("show")(deliveries.show_)
_deliveries.command("resend")(deliveries.resend)
app.add_typer(_deliveries, name="deliveries")

_fleets = _group("Partner fleets: list, pause, resume.")
_fleets.command("list")(fleets.list_)
_fleets.command("pause")(fleets.pause)
_fleets.command("resume")(fleets.resume)
app.add_typer(_fleets, name="fleets")

_care = _group("Rides that somebody must look after: list, done, end.")
_care.command("list")(care.list_)
_care.command("done")(care.done)
_care.command("end")(care.end)
app.add_typer(_care, name="care")


def main() -> None:
    """Run the program."""
    app(prog_name="cabstand")
