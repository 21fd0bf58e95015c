"""Command-line parsing: dataclasses through tyro, readable help, errors of one sentence."""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NoReturn, TypeVar, Union, get_args, get_origin, overload

import tyro
from tyro import _errors as parse_errors  # not yet public: pyproject.toml pins the exact version
from tyro._arguments import ArgumentDefinition
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec, StructTypeInfo

from note_rnn.common.errors import InputError

Config = TypeVar("Config")

_METAVARS = {str: "TEXT", int: "INT", float: "FLOAT", Path: "PATH"}

_MODULES = {
    "train": "agents.train",
    "audit": "melody_env.audit",
    "corpus": "note_rnn.corpus",
    "studio": "agents.studio",
}
"""The modules of the commands that others recommend."""

_command: ContextVar[str | None] = ContextVar("command", default=None)
"""The command's name where another command runs it."""


class CommandLineError(InputError):
    """A command line that cannot be parsed."""


@overload
def parse(kind: type[Config], arguments: Sequence[str] | None = None, **options: Any) -> Config: ...
@overload
def parse(kind: Any, arguments: Sequence[str] | None = None, **options: Any) -> Any: ...
def parse(kind: Any, arguments: Sequence[str] | None = None, **options: Any) -> Any:
    """Return an instance of the dataclass `kind`, or of one in a union of them, parsed from the command line.

    `arguments` are those of the process if None; `options` are passed to tyro. Raises CommandLineError.
    """
    names: list[str] = []
    with parse_errors.on_parse_error(lambda event: _raise_error(event, names)):
        return tyro.cli(kind, prog=command_name(), args=arguments, registry=_registry(names), **options)


def command_name() -> str:
    """Return the command as typed, without its arguments: "python train.py", "melody-rl compose" ..."""
    return _command.get() or " ".join(_invocation())


def command_line() -> list[str]:
    """Return the words of the command as typed, with its arguments."""
    return [*_invocation(), *sys.argv[1:]]


def train_command() -> str:
    """Return the training command, in the form in which the current command was typed."""
    typed = command_name()
    return typed if typed.endswith("train.py") else other_command("train")


def other_command(name: str) -> str:
    """Return the command `name` of melody-rl, in the form in which the current command was typed."""
    return f"melody-rl {name}" if command_name().startswith("melody-rl ") else f"python -m {_MODULES[name]}"


@contextmanager
def named(command: str) -> Iterator[None]:
    """Report `command` as the command that was typed, within the context."""
    token = _command.set(command)
    try:
        yield
    finally:
        _command.reset(token)


def _invocation() -> list[str]:
    """Return how the program was started: an installed command, python -m MODULE, or python FILE."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    if module is not None:
        return ["python", "-m", module.name.removesuffix(".__main__")]
    program = Path(sys.argv[0])
    return ["python", sys.argv[0]] if program.suffix == ".py" else [program.stem]


def _registry(names: list[str]) -> ConstructorRegistry:
    """Return tyro's registry with a rule for the help of dataclass fields; their options are appended to `names`."""
    registry = ConstructorRegistry()
    busy = False

    @registry.struct_rule
    def described(info: StructTypeInfo) -> StructConstructorSpec | None:
        nonlocal busy
        if busy or not is_dataclass(info.type):
            return None
        busy = True  # so that tyro's own rule applies to the same type
        try:
            spec = ConstructorRegistry.get_struct_spec(info)
        finally:
            busy = False
        if not isinstance(spec, StructConstructorSpec):
            return None
        names.extend(f"--{field.name.replace('_', '-')}" for field in spec.fields)
        return replace(spec, fields=tuple(map(_described, spec.fields)))

    return registry


def _described(field: StructFieldSpec) -> StructFieldSpec:
    """Return `field` with its metavar, the format of its default, and its help without line breaks."""
    bare, *metadata = get_args(field.type) if get_origin(field.type) is Annotated else (field.type,)
    metavar = _metavar(bare)
    if tyro.conf.Positional in metadata:
        name = field.name.upper()
        metavar = f"{name.removesuffix('S')} ..." if get_origin(bare) is tuple else name
        metavar = f"[{metavar}]" if NoneType in get_args(bare) else metavar
    own = tyro.conf.arg(metavar=metavar, help_behavior_hint=_default)
    kind: Any = Annotated[(bare, own, *metadata)]
    text = field.helptext() if callable(field.helptext) else field.helptext
    return replace(field, type=kind, helptext=" ".join((text or "").split()))


def _default(label: str) -> str:
    return "" if label in ("", "None") else f"(default: {label})"


def _metavar(kind: Any) -> str | None:
    """Return the placeholder in help for a value of the type `kind`; None is not shown, though it can be typed."""
    origin, parts = get_origin(kind), [each for each in get_args(kind) if each is not NoneType]
    if origin in (Union, UnionType):
        return "|".join(str(_metavar(each)) for each in parts)
    if origin is Literal:
        return "{" + ",".join(map(str, parts)) + "}"
    if origin is tuple:
        return " ".join("..." if each is ... else str(_metavar(each)) for each in parts)
    return _METAVARS.get(kind)


def _raise_error(event: parse_errors.ParseErrorEvent, names: Sequence[str]) -> None:
    """Raise CommandLineError for `event`; events not listed here are left to tyro's own messages."""
    match event:
        case parse_errors.UnrecognizedArgs(tokens=[token, *_]) if token.startswith("-"):
            _fail(f"There is no option {token}{nearest(token, names)}.")
        case parse_errors.UnrecognizedArgs(tokens=[token, *_]):
            _fail(f"{token!r} is not expected here: see {event.prog} --help.")
        case parse_errors.InvalidChoice(argument=argument, value=value, choices=choices):
            _fail(f"{_name(argument)} must be one of {', '.join(choices)}, not {value!r}.")
        case parse_errors.BadValue(argument=argument):
            _fail(f"{_name(argument)} needs a value: {argument.lowered.metavar}.")
        case parse_errors.InstantiationFailure(argument=ArgumentDefinition() as argument):
            _fail(f"{_name(argument)} cannot be read: it takes {argument.lowered.metavar}.")
        case parse_errors.InstantiationFailure(argument=None, message=message):
            name, _, rest = message.partition(" ")  # of a dataclass, which names its field
            option = f"--{name.replace('_', '-')}"
            _fail(f"{option if option in names else name} {rest}")
        case parse_errors.MissingArgs(missing_arguments=missing):
            _fail(f"Give {' and '.join(_name(each.arg) for each in missing)}: see --help.")
        case parse_errors.MissingSubcommand(subcommand_spec=spec):
            _fail(f"Choose a command: {' or '.join(f'{event.prog} {name}' for name in spec.parser_from_name)}.")


def nearest(word: str, words: Sequence[str]) -> str:
    """Return the question whether the most similar of `words` was meant by `word`; empty if none is similar."""
    return "".join(f" (did you mean {similar}?)" for similar in get_close_matches(word, words, n=1))


def _name(argument: ArgumentDefinition) -> str:
    return str(argument.lowered.metavar) if argument.is_positional() else argument.display_name()


def _fail(sentence: str) -> NoReturn:
    raise CommandLineError(sentence)
