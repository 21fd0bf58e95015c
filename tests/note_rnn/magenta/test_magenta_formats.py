"""Checkpoints and bundles built byte by byte: variables in several shards, of other types, of unusual shapes."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from note_rnn import import_magenta, load_note_rnn, read_model_card, run_command
from note_rnn.magenta import FormatError
from note_rnn.magenta.networks import build_note_rnn, token_order
from note_rnn.magenta.sources import MagentaFileError, Source, read_source
from note_rnn.magenta.table import checksum, read_table
from note_rnn.magenta.tensors import read_v1, read_v2
from note_rnn.magenta.wire import Message, read_varint

FLOAT, INT64 = 1, 9


def varint(number: int) -> bytes:
    digits = []
    while True:
        number, digit = number >> 7, number & 0x7F
        digits.append(digit | (0x80 if number else 0))
        if not number:
            return bytes(digits)


def field(number: int, content: bytes | str | int) -> bytes:
    if isinstance(content, int):
        return varint(number << 3) + varint(content)
    data = content.encode() if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def fixed32(number: int, content: int) -> bytes:
    return varint(number << 3 | 5) + struct.pack("<I", content)


def shape(*sizes: int) -> bytes:
    return b"".join(field(2, field(1, size)) for size in sizes)


def table(entries: dict[bytes, bytes]) -> bytes:
    """A table of one block."""

    def block(pairs):
        lines = [varint(0) + varint(len(key)) + varint(len(value)) + key + value for key, value in pairs]
        return b"".join(lines) + struct.pack("<II", 0, 1)

    def with_trailer(body):
        return body + b"\0" + struct.pack("<I", checksum(body + b"\0"))

    values = block(sorted(entries.items()))
    content = with_trailer(values)
    index = block([(b"z", varint(0) + varint(len(values)))])
    place = varint(len(content)) + varint(len(index))
    content += with_trailer(index)
    return content + (b"\0\0" + place).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def entry(sizes: tuple[int, ...], values: bytes, shard: int, start: int, kind: int = FLOAT) -> bytes:
    """What the index of a V2 checkpoint says of a variable."""
    place = field(3, shard) + field(4, start) + field(5, len(values))
    return field(1, kind) + field(2, shape(*sizes)) + place + fixed32(6, checksum(values))


ONE, OTHER = np.arange(6, dtype="<f4"), np.array([2.5, -1], "<f4")
SHARDS = [b"skipped" + ONE.tobytes(), OTHER.tobytes()]
ENTRIES = {
    b"one": entry((2, 3), ONE.tobytes(), 0, 7),
    b"other": entry((2,), OTHER.tobytes(), 1, 0),
    b"global_step": entry((), bytes(8), 5, 0, INT64),
}


def test_variables_of_a_v2_checkpoint_are_found_in_their_shards():
    read = []

    def read_shard(number, count):
        read.append((number, count))
        return SHARDS[number]

    variables = read_v2(table({b"": field(1, 2), **ENTRIES}), read_shard)
    assert set(variables) == {"one", "other"}
    np.testing.assert_array_equal(variables["one"], ONE.reshape(2, 3))
    np.testing.assert_array_equal(variables["other"], OTHER)
    assert read == [(0, 2), (1, 2)]


def test_a_v2_checkpoint_that_cannot_be_read_is_refused():
    def read_shard(number, count):
        return SHARDS[number]

    with pytest.raises(FormatError, match="big-endian"):
        read_v2(table({b"": field(1, 2) + field(2, 1), **ENTRIES}), read_shard)
    with pytest.raises(FormatError, match="one is incomplete"):
        read_v2(table({b"": field(1, 2), b"one": entry((7,), ONE.tobytes(), 0, 7)}), read_shard)
    with pytest.raises(FormatError, match="the values of one do not match their checksum"):
        read_v2(table({b"": field(1, 2), b"one": entry((2, 3), ONE.tobytes(), 0, 6)}), read_shard)


def test_the_shards_are_files_beside_the_index(tmp_path):
    (tmp_path / "model.index").write_bytes(table({b"": field(1, 2), **ENTRIES}))
    for number, shard in enumerate(SHARDS):
        (tmp_path / f"model.data-{number:05d}-of-00002").write_bytes(shard)
    source = read_source(tmp_path / "model.data-00001-of-00002")
    assert (source.path, source.format) == (tmp_path / "model", "TensorFlow checkpoint V2")
    assert set(source.sha256) == {"model.index", "model.data-00000-of-00002", "model.data-00001-of-00002"}
    assert len(set(source.sha256.values())) == 3
    np.testing.assert_array_equal(source.variables["one"], ONE.reshape(2, 3))


def v1(variables: dict[str, np.ndarray], kind: int = FLOAT) -> bytes:
    """A V1 checkpoint of float `variables`, and a step counter."""
    kinds = {**dict.fromkeys(variables, kind), "global_step": INT64}
    arrays = {**variables, "global_step": np.zeros((), "<f4")}
    described = [
        field(1, field(1, name) + field(2, shape(*arrays[name].shape)) + field(3, kinds[name])) for name in kinds
    ]
    values = {
        name.encode(): field(2, field(1, name) + field(3, field(5, arrays[name].astype("<f4").tobytes())))
        for name in kinds
    }
    return table({b"": field(1, b"".join(described)), **values})


def test_variables_of_a_v1_checkpoint_have_their_shapes_and_values():
    variables = read_v1(v1({"one": ONE.reshape(3, 2), "other": OTHER}))
    assert set(variables) == {"one", "other"}
    np.testing.assert_array_equal(variables["one"], ONE.reshape(3, 2))
    np.testing.assert_array_equal(variables["other"], OTHER)
    with pytest.raises(FormatError, match="it holds no float variables"):
        read_v1(v1({"one": ONE}, kind=INT64))


def network(cell: str = "basic_lstm_cell", units: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    layer = f"rnn/multi_rnn_cell/cell_0/{cell}"
    shapes = {f"{layer}/kernel": (38 + units, 4 * units), f"{layer}/bias": (4 * units,)}
    shapes |= {"fully_connected/weights": (units, 38), "fully_connected/biases": (38,)}
    return {name: rng.normal(size=size).astype(np.float32) for name, size in shapes.items()}


def test_a_bundle_is_a_checkpoint_with_descriptions(tmp_path):
    generator, details = field(1, "basic_rnn") + field(2, "A basic one"), field(1, "of ours")
    path = tmp_path / "mine.mag"
    path.write_bytes(field(1, generator) + field(2, v1(network())) + field(4, details))
    source = read_source(path)
    assert (source.path, source.format) == (path, "Magenta bundle")
    texts = {"generator": "basic_rnn", "generator_description": "A basic one", "description": "of ours"}
    assert source.bundle == texts
    assert set(source.variables) == set(network())
    path.write_bytes(field(1, generator) + field(2, v1(network())) * 2 + field(4, details))
    with pytest.raises(MagentaFileError, match="2 checkpoints in it, not one"):
        read_source(path)


@pytest.mark.parametrize(
    ("cell", "order"),
    [
        ("basic_lstm_cell", "magenta"),
        ("BasicLSTMCell", "magenta"),
        ("lstm_cell", "rl_tuner"),
        ("LSTMCell", "rl_tuner"),
    ],
)
def test_the_kind_of_cell_determines_the_meaning_of_the_tokens(cell, order):
    source = Source(Path("model.ckpt"), "arrays", network(cell))
    assert token_order(source) == order
    ours, swapped = (build_note_rnn(source, which) for which in ("rl_tuner", "magenta"))
    melody, exchanged = [[14, 1, 0, 16]], [[14, 0, 1, 16]]
    of_ours, of_swapped = ours.log_probs(melody)[0].numpy(), swapped.log_probs(exchanged)[0].numpy()
    np.testing.assert_allclose(of_swapped[:, [1, 0, *range(2, 38)]], of_ours, atol=1e-5)
    assert not ours.training
    assert not any(parameter.requires_grad for parameter in ours.parameters())


@pytest.mark.parametrize(("option", "order"), [((), "magenta"), (("--token-order", "rl_tuner"), "rl_tuner")])
def test_the_command_takes_the_order_of_tokens_that_it_is_given(option, order, tmp_path, monkeypatch):
    (tmp_path / "model.ckpt").write_bytes(v1(network()))
    out = tmp_path / "priors" / "mine"
    monkeypatch.setattr(sys, "argv", ["import_magenta", str(tmp_path / "model.ckpt"), "--out", str(out), *option])
    run_command(import_magenta.main)
    imported = read_model_card(out)["imported"]
    assert imported["token_order"] == order
    assert (imported["file"], imported["format"]) == ("model.ckpt", "TensorFlow checkpoint V1")
    assert "bundle" not in imported
    expected = build_note_rnn(read_source(tmp_path / "model.ckpt"), order)
    assert load_note_rnn(out).log_probs([[0, 1, 14]]).tolist() == expected.log_probs([[0, 1, 14]]).tolist()


@pytest.mark.parametrize("number", [0, 1, 127, 128, 300, 2**32, 2**63])
def test_integers_of_any_length_are_read_where_they_start(number):
    assert read_varint(b"\xff" + varint(number) + b"\x05", 1) == (number, 1 + len(varint(number)))
    message = Message(field(1, number) + field(1, 7) + field(300, "far"))
    assert message.number(1) == 7  # of a field that is set twice the last counts
    assert message.text(300) == "far"


def test_a_table_that_is_damaged_is_refused():
    data = table({b"a": b"1" * 300})
    assert read_table(data) == {b"a": b"1" * 300}
    with pytest.raises(FormatError, match="does not match its checksum"):
        read_table(data.replace(b"111", b"121", 1))
    with pytest.raises(FormatError, match="does not end as a table does"):
        read_table(data[:-1])
    with pytest.raises(FormatError, match="a block that lies outside the file"):
        read_table(data[300:])
