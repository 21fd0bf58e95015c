"""The command line: dataclasses parsed with tyro, help that reads well, mistakes told in one sentence."""

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
from tyro import _errors as mistakes  # not yet public: pyproject.toml names the exact version
from tyro._arguments import ArgumentDefinition
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec, StructTypeInfo

from note_rnn.common.errors import InputError

Config = TypeVar("Config")

_METAVARS = {str: "TEXT", int: "INT", float: "FLOAT", Path: "PATH"}

_command: ContextVar[str | None] = ContextVar("command", default=None)
"""The name of a command that another one calls."""


class CommandLineError(InputError):
    """A command line that cannot be parsed."""


@overload
def parse(kind: type[Config], arguments: Sequence[str] | None = None, **options: Any) -> Config: ...
@overload
def parse(kind: Any, arguments: Sequence[str] | None = None, **options: Any) -> Any: ...
def parse(kind: Any, arguments: Sequence[str] | None = None, **options: Any) -> Any:
    """Return an instance of the dataclass `kind`, or of one in a union of them, as the command line asks for.

    `arguments` are those of the process if None; `options` are tyro's. Raises CommandLineError.
    """
    names: list[str] = []
    with mistakes.on_parse_error(lambda mistake: _refuse(mistake, names)):
        return tyro.cli(kind, prog=command_name(), args=arguments, registry=_registry(names), **options)


def command_name() -> str:
    """Return the command as it was typed, without its arguments: "python train.py", "melody-rl compose", ..."""
    return _command.get() or " ".join(_started())


def command_line() -> list[str]:
    """Return the words of the command as it was typed, with its arguments."""
    return [*_started(), *sys.argv[1:]]


def train_command() -> str:
    """Return the command that trains, in the form in which the current command was typed."""
    typed = command_name()
    if typed.startswith("melody-rl "):
        return "melody-rl train"
    return typed if typed.endswith("train.py") else "python -m agents.train"


@contextmanager
def named(command: str) -> Iterator[None]:
    """Within it, `command` is what was typed."""
    token = _command.set(command)
    try:
        yield
    finally:
        _command.reset(token)


def _started() -> list[str]:
    """Return how Python was started: by an installed command, python -m MODULE, or python FILE."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    if module is not None:
        return ["python", "-m", module.name.removesuffix(".__main__")]
    program = Path(sys.argv[0])
    return ["python", sys.argv[0]] if program.suffix == ".py" else [program.stem]


def _registry(names: list[str]) -> ConstructorRegistry:
    """Return a rule for tyro that names what the fields of dataclasses take; the options are appended to `names`."""
    registry = ConstructorRegistry()
    busy = False

    @registry.struct_rule
    def described(info: StructTypeInfo) -> StructConstructorSpec | None:
        nonlocal busy
        if busy or not is_dataclass(info.type):
            return None
        busy = True  # tyro's own rule is the next to be asked
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
    """Return `field` with its metavar, how its default is written, and its help without line breaks."""
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
    """Return what stands for a value of the type `kind` in help; None is not written, though it can be typed."""
    origin, parts = get_origin(kind), [each for each in get_args(kind) if each is not NoneType]
    if origin in (Union, UnionType):
        return "|".join(str(_metavar(each)) for each in parts)
    if origin is Literal:
        return "{" + ",".join(map(str, parts)) + "}"
    if origin is tuple:
        return " ".join("..." if each is ... else str(_metavar(each)) for each in parts)
    return _METAVARS.get(kind)


def _refuse(mistake: mistakes.ParseErrorEvent, names: Sequence[str]) -> None:
    """Raise CommandLineError with what is wrong; what is not known here tyro tells in its own words."""
    match mistake:
        case mistakes.UnrecognizedArgs(tokens=[token, *_]) if token.startswith("-"):
            _fail(f"There is no option {token}{_nearest(token, names)}.")
        case mistakes.UnrecognizedArgs(tokens=[token, *_]):
            _fail(f"{token!r} is not expected here: {mistake.prog} --help says what is.")
        case mistakes.InvalidChoice(argument=argument, value=value, choices=choices):
            _fail(f"{_name(argument)} must be one of {', '.join(choices)}, not {value!r}.")
        case mistakes.BadValue(argument=argument):
            _fail(f"{_name(argument)} needs a value: {argument.lowered.metavar}.")
        case mistakes.InstantiationFailure(argument=ArgumentDefinition() as argument):
            _fail(f"{_name(argument)} cannot be read: it takes {argument.lowered.metavar}.")
        case mistakes.MissingArgs(missing_arguments=missing):
            _fail(f"Give {' and '.join(_name(each.arg) for each in missing)}: --help says more.")
        case mistakes.MissingSubcommand(subcommand_spec=spec):
            _fail(f"Say what to do: {' or '.join(f'{mistake.prog} {name}' for name in spec.parser_from_name)}.")


def _nearest(word: str, words: Sequence[str]) -> str:
    return "".join(f" (did you mean {similar}?)" for similar in get_close_matches(word, words, n=1))


def _name(argument: ArgumentDefinition) -> str:
    return str(argument.lowered.metavar) if argument.is_positional() else argument.display_name()


def _fail(sentence: str) -> NoReturn:
    raise CommandLineError(sentence)
