"""Markdown extension of the site: formulas become MathML when it is built, so that no script has to be loaded.

`pymdownx.arithmatex` with `generic: true` finds the formulas; this converts what it leaves in the page.
"""

import html
import re
from typing import Any

from markdown import Extension, Markdown
from markdown.postprocessors import Postprocessor
from math_core import LatexToMathML

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)


class _MathML(Postprocessor):
    converter = LatexToMathML()

    def run(self, text: str) -> str:
        """Return the page `text` with its formulas as MathML; raises LatexError for one that is none."""
        return _FORMULA.sub(self._converted, text)

    def _converted(self, formula: re.Match[str]) -> str:
        is_block = formula[1] == "div"
        converted = self.converter.convert_with_local_state(html.unescape(formula[2]), displaystyle=is_block)
        return f'<div class="formula">{converted}</div>' if is_block else converted


class MathMLExtension(Extension):
    """Formulas as MathML."""

    def extendMarkdown(self, md: Markdown) -> None:
        """Convert the formulas of each page after everything else."""
        md.postprocessors.register(_MathML(md), "mathml", priority=-10)


def makeExtension(**options: Any) -> MathMLExtension:
    """Return the extension, for Python-Markdown."""
    return MathMLExtension(**options)
