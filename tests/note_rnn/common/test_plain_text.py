"""What is printed has no control characters, and messages have a bounded length."""

import io
import sys

import pytest

from note_rnn import InputError, run_command
from note_rnn.common.plain_text import MAX_MESSAGE, Printable, printable, sentence, shown


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Größe ½ ♪ 日本", "Größe ½ ♪ 日本"),
        ("\x1b[2J\x07", "\\x1b[2J\\x07"),
        ("a\rb\nc\td", "a\\rb\\nc\\td"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202egpj", "\\u202egpj"),
        ("\udcff", "\\udcff"),
        ("\u2028", "\\u2028"),
    ],
)
def test_control_characters_are_escaped(text, expected):
    assert printable(text) == expected


def test_a_message_is_one_line_without_its_middle_where_it_is_too_long():
    assert str(InputError("one\n  two\x1b[2J")) == "one two\\x1b[2J"
    text = str(InputError("a" * 10**6 + "z"))
    assert text == f"{'a' * (MAX_MESSAGE // 2)} ... {'a' * (MAX_MESSAGE // 2 - 1)}z"
    assert sentence("short") == "short"


def test_any_value_is_shown_in_short():
    laughs: list = ["ha"]
    for _ in range(40):  # 2 ** 40 of them
        laughs = [laughs, laughs]
    for value in (laughs, "x" * 10**6, 10**5_000, list(range(10**5)), {str(n): n for n in range(1000)}, {1: object()}):
        assert len(shown(value)) < 400
    assert [shown(value) for value in (3, -1.5, "a", None, [1, "b"])] == ["3", "-1.5", "'a'", "None", "[1, 'b']"]


def test_a_stream_leaves_only_line_breaks_and_the_colours_of_a_terminal():
    for stream, colour in ((io.StringIO(), "\\x1b[31m"), (Terminal(), "\x1b[31m")):
        print("\x1b[31mred\x1b[2J \x1b]0;title\x07", "next\tcolumn", sep="\n", file=Printable(stream), flush=True)
        assert stream.getvalue() == f"{colour}red\\x1b[2J \\x1b]0;title\\x07\nnext\tcolumn\n"
    bar = Terminal()
    Printable(bar).write("\rbar\rover")
    assert bar.getvalue() == "\rbar\\rover"
    assert Printable(bar).isatty()


def test_a_command_prints_no_control_characters_whatever_a_file_is_called(capsys):
    def main():
        print("Saved \x1b[2Jevil.mid")
        print("careful\x07", file=sys.stderr)
        raise FileNotFoundError(2, "No such file", "\x1b[31mevil\n")

    with pytest.raises(SystemExit):
        run_command(main)
    out, err = capsys.readouterr()
    assert out == "Saved \\x1b[2Jevil.mid\n"
    assert err == "careful\\x07\nerror: No such file: \\x1b[31mevil\n"
