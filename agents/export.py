"""The command export: an agent or a Note RNN as an ONNX file, for applications without Python."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from agents.composing.composers import load_composer
from agents.onnx_export.onnx_file import MAX_DIFFERENCE, greatest_difference, onnx_bytes
from agents.onnx_export.readme import readme
from agents.onnx_export.stepwise import StepwiseNetwork
from note_rnn import InputError, run_command
from note_rnn.common.atomic_files import check_out_file, write_bytes, write_text
from note_rnn.common.command_line import parse
from note_rnn.common.console import print_line


@dataclass(frozen=True)
class ExportConfig:
    """Write an agent or a Note RNN as an ONNX file: one step, from the last token and a state to log-probabilities.

    A README beside it has the shapes, and a program that composes with it. The file is compared with PyTorch first.
    """

    model: Annotated[str, tyro.conf.Positional]
    """Folder of a run, an agent's weights, or a Note RNN."""
    out: Path = Path("melody.onnx")
    """The file; the README has its name with .md."""
    trust_code: bool = False
    """Load the rule files (.py) that the run names: these are code, so read them before."""


def export(config: ExportConfig) -> tuple[Path, float]:
    """Write the file and its README; return the README's path and the greatest difference of log-probabilities.

    Raises InputError if the model cannot be written as ONNX, or what was written does not give the same.
    """
    description = config.out.with_suffix(".md")
    if config.out.suffix != ".onnx":
        raise InputError(f"--out is the name of an ONNX file, such as melody.onnx, not {config.out}.")
    for path in (config.out, description):
        check_out_file(path)
    composer = load_composer(config.model, config.trust_code)
    network = StepwiseNetwork.of(composer)
    content = onnx_bytes(network)
    difference = greatest_difference(content, network)
    if not difference <= MAX_DIFFERENCE:
        raise InputError(
            f"The ONNX file would differ from PyTorch by {difference:.1g} in log-probabilities, so it is not written: "
            "try other versions of onnx, onnxscript and onnxruntime."
        )
    write_bytes(config.out, content)
    write_text(description, readme(config.out.name, Path(config.model).name, network, composer.environment))
    return description, difference


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line."""
    config = parse(ExportConfig, arguments)
    description, difference = export(config)
    within = f"log-probabilities within {difference:.0e} of PyTorch's"
    print_line(f"Saved {config.out}: {within}; {description} says how to use it.")


if __name__ == "__main__":
    run_command(main)
