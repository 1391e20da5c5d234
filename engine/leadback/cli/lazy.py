"""Commands whose modules are imported when they are called.

SQLAlchemy, the web server and the CRM plugins take a second of CPU to import; `--help`,
`rules check` and the sandbox need none of them.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


def new_app(**options: Any) -> typer.Typer:
    """A Typer with the manners of this command line."""
    return typer.Typer(
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        **options,
    )


class Later(TyperCommand):
    """Stands in a group for a command or a group of commands that is not imported yet.

    target: `module:name` below leadback.cli: a function, a command or a Typer. help: what the
    group's --help says about it; without it that imports the module. context_settings: of a
    function.
    """

    def __init__(
        self,
        name: str,
        target: str,
        help: str = "",
        *,
        context_settings: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(name, help=help)
        self._target, self._settings = target, context_settings

    def loaded(self) -> Any:
        """The real one, of Typer's own kind of click."""
        module, _, attribute = self._target.partition(":")
        found = getattr(import_module(f"leadback.cli.{module}"), attribute)
        if isinstance(found, TyperCommand):
            return found
        shell = new_app()
        if isinstance(found, typer.Typer):
            shell.add_typer(found, name=self.name)
        else:
            shell.command(self.name, context_settings=self._settings)(found)
        return typer.main.get_group(shell).commands[str(self.name)]


class LazyGroup(TyperGroup):
    """A group that begins with the commands of `later`, each imported when it is called."""

    later: ClassVar[Sequence[Later]] = ()

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = {**{str(one.name): one for one in self.later}, **self.commands}

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        command = super().get_command(ctx, cmd_name)
        return command if command is not None and command.help else _loaded(command)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        return name, _loaded(command), rest


def everything(group: TyperGroup) -> Mapping[str, Any]:
    """All commands of a group by name, imported."""
    return {name: _loaded(command) for name, command in group.commands.items()}


def _loaded(command: Any) -> Any:
    return command.loaded() if isinstance(command, Later) else command
