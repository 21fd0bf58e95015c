"""The notebook in examples/ runs as it stands there, only shorter."""

from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).parents[1] / "examples" / "rl_tuner.ipynb"


@pytest.mark.filterwarnings("ignore")  # of Jupyter's own machinery
def test_the_notebook_runs(tmp_path):
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    sources = [cell.source for cell in notebook.cells]
    for cell in notebook.cells:
        cell.source = cell.source.replace("STEPS = 200_000", "STEPS = 4_096")
    assert [cell.source for cell in notebook.cells] != sources
    nbclient.NotebookClient(notebook, timeout=120, resources={"metadata": {"path": tmp_path}}).execute()
    assert (tmp_path / "melody.mid").exists()
    shown = [output.get("data", {}) for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert sum("image/png" in data for data in shown) == 2
    assert sum("audio" in data.get("text/html", "") for data in shown) == 2
    assert any("| starting with the tonic |" in data.get("text/markdown", "") for data in shown)
