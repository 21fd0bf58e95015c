"""Constructs of ABC 2.1 and the notes that they mean, listed in `abc_constructs.yaml`."""

from pathlib import Path

import pytest
import yaml

from note_rnn.extraction.scores.abc_book import abc_tunes
from note_rnn.extraction.scores.abc_music import abc_part
from note_rnn.extraction.tunes import TuneError

TABLE = yaml.safe_load(Path(__file__).with_name("abc_constructs.yaml").read_text(encoding="utf-8"))


def text(construct):
    """The whole file of a construct."""
    head = ["X:1", "M:4/4", "L:1/4", *construct.get("fields", "").splitlines(), f"K:{construct.get('key', 'C')}"]
    return construct.get("tune") or "\n".join([*head, construct["music"], ""])


@pytest.mark.parametrize(
    "construct", [pytest.param(each, id=f"{name}: {each['id']}") for name, group in TABLE.items() for each in group]
)
def test_a_construct(construct, melody):
    (tune,) = abc_tunes(text(construct))
    if "dropped" in construct:
        with pytest.raises(TuneError) as error:
            abc_part(tune)
        assert str(error.value) == construct["dropped"]
        return
    part = abc_part(tune)
    assert melody(part) == construct["notes"]
    if "meters" in construct:
        assert sorted(part.meters) == construct["meters"]
