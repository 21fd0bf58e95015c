"""Conversion of Magenta's checkpoints: outputs equal the original graph's; damaged files are refused in one sentence.

The checkpoints in `magenta/` were written by TensorFlow 2.15 from Magenta's own graphs, with weights of ours, and
`golden.npz` holds the logits of these graphs. The weights of `basic_rnn` were not trained: only names distinguish its
tokens 0 and 1.
"""

import hashlib
import json
import shutil
import struct
import sys
from pathlib import Path

import cramjam
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from note_rnn import NoteRNN, import_magenta, load_note_rnn, read_model_card, run_command
from note_rnn.magenta import FormatError
from note_rnn.magenta.networks import build_note_rnn, token_order
from note_rnn.magenta.sources import MagentaFileError, Source, read_source
from note_rnn.magenta.table import checksum, read_table
from note_rnn.magenta.tensors import read_v1
from note_rnn.magenta.wire import Message, read_varint

FILES = Path(__file__).parent
SWAPPED = np.array([1, 0, *range(2, 38)])


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory) -> Path:
    """All checkpoints; two of them have one shard in common."""
    folder = tmp_path_factory.mktemp("checkpoints")
    shutil.copytree(FILES, folder, dirs_exist_ok=True)
    shard = ".data-00000-of-00001"
    shutil.copy(folder / f"basic_rnn_v2{shard}", folder / f"basic_rnn_v2_tf10_names{shard}")
    return folder


def logits_of(model: NoteRNN, tokens: np.ndarray) -> np.ndarray:
    return model(torch.from_numpy(tokens)[:, None])[0][:, 0].numpy()


@pytest.mark.parametrize("name", ["rl_tuner_v2.index", "rl_tuner_published_names.ckpt"])
def test_the_original_note_rnn_has_the_same_outputs(checkpoints, name):
    source = read_source(checkpoints / name)
    model = build_note_rnn(source, token_order(source))
    golden = np.load(FILES / "golden.npz")
    assert model.widths == (100,)
    np.testing.assert_allclose(
        logits_of(model, golden["rl_tuner_tokens"]), golden["rl_tuner_logits"], rtol=0, atol=1e-4
    )


@pytest.mark.parametrize(
    "name", ["basic_rnn_v2.index", "basic_rnn_v2_tf10_names.index", "basic_rnn_v1_tf011_names.ckpt", "basic_rnn.mag"]
)
def test_a_basic_rnn_has_the_same_outputs_for_swapped_tokens(checkpoints, name):
    source = read_source(checkpoints / name)
    model = build_note_rnn(source, token_order(source))
    golden = np.load(FILES / "golden.npz")
    assert model.widths == (64, 64)
    logits = logits_of(model, SWAPPED[golden["basic_rnn_tokens"]])
    np.testing.assert_allclose(logits, golden["basic_rnn_logits"][:, SWAPPED], rtol=0, atol=1e-4)


def test_the_order_of_tokens_can_be_given(checkpoints):
    golden = np.load(FILES / "golden.npz")
    model = build_note_rnn(read_source(checkpoints / "basic_rnn.mag"), "rl_tuner")
    logits = logits_of(model, golden["basic_rnn_tokens"])
    np.testing.assert_allclose(logits, golden["basic_rnn_logits"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", ["rl_tuner_v2", "rl_tuner_v2.index", "rl_tuner_v2.data-00000-of-00001"])
def test_a_v2_checkpoint_goes_by_any_of_its_names(checkpoints, name):
    assert set(read_source(checkpoints / name).sha256) == {"rl_tuner_v2.index", "rl_tuner_v2.data-00000-of-00001"}


def test_a_folder_names_its_newest_checkpoint(checkpoints, tmp_path):
    (checkpoints / "checkpoint").write_text(
        'model_checkpoint_path: "rl_tuner_v2"\nall_model_checkpoint_paths: "basic_rnn_v2"\n'
    )
    for path in (checkpoints, checkpoints / "checkpoint"):
        assert read_source(path).path == checkpoints / "rl_tuner_v2"
    (tmp_path / "checkpoint").write_text("nothing")
    with pytest.raises(MagentaFileError, match="names no checkpoint"):
        read_source(tmp_path)


def network(sizes: list[int], scope: str = "", cell: str = "basic_lstm_cell") -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    variables = {}
    for layer, (inputs, units) in enumerate(zip([38, *sizes], sizes, strict=False)):
        name = f"{scope}rnn/multi_rnn_cell/cell_{layer}/{cell}"
        variables[f"{name}/kernel"] = rng.normal(size=(inputs + units, 4 * units)).astype(np.float32)
        variables[f"{name}/bias"] = rng.normal(size=4 * units).astype(np.float32)
    variables[f"{scope}fully_connected/weights"] = rng.normal(size=(sizes[-1], 38)).astype(np.float32)
    variables[f"{scope}fully_connected/biases"] = rng.normal(size=38).astype(np.float32)
    return variables


def source_of(variables: dict[str, np.ndarray]) -> Source:
    return Source(Path("model.ckpt"), "arrays", variables)


def logits_by_hand(variables: dict[str, np.ndarray], tokens: np.ndarray) -> np.ndarray:
    """The equations of TensorFlow's LSTM cell, a step and a layer at a time."""

    def sigmoid(x):
        return 1 / (1 + np.exp(-x))

    layers = len(variables) // 2 - 1
    cells = [f"rnn/multi_rnn_cell/cell_{layer}/basic_lstm_cell" for layer in range(layers)]
    units = [variables[f"{cell}/bias"].size // 4 for cell in cells]
    h, c = [np.zeros(n) for n in units], [np.zeros(n) for n in units]
    logits = []
    for token in tokens:
        x = np.eye(38)[token]
        for k, cell in enumerate(cells):
            kernel, bias = variables[f"{cell}/kernel"], variables[f"{cell}/bias"]
            i, j, f, o = np.split(np.concatenate([x, h[k]]) @ kernel + bias, 4)
            c[k] = sigmoid(f + 1) * c[k] + sigmoid(i) * np.tanh(j)
            x = h[k] = sigmoid(o) * np.tanh(c[k])
        logits.append(x @ variables["fully_connected/weights"] + variables["fully_connected/biases"])
    return np.array(logits)


@pytest.mark.parametrize("sizes", [[5], [3, 7], [9, 4], [6, 2, 5]])
def test_layers_may_have_any_sizes(sizes):
    variables = network(sizes)
    model = build_note_rnn(source_of(variables), "rl_tuner")
    tokens = np.random.default_rng(1).integers(38, size=20)
    assert model.widths == tuple(sizes)
    np.testing.assert_allclose(logits_of(model, tokens), logits_by_hand(variables, tokens), atol=1e-4)


def test_what_an_optimizer_keeps_is_passed_over():
    variables = network([4])
    slots = {f"{name}/Adam{number}": array + 1 for name, array in variables.items() for number in ("", "_1")}
    with_slots = source_of({**slots, **variables, "beta1_power": np.float32([0.9])})
    expected = build_note_rnn(source_of(variables), "rl_tuner")
    model = build_note_rnn(with_slots, "rl_tuner")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), expected.parameters(), strict=True))


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({}, "holds no LSTM network"),
        ({"a/dense": np.zeros(3, np.float32)}, "it has 'a/dense'"),
        ({**network([4], "q/"), **network([4], "target/")}, "several networks, in 'q/', 'target/'"),
        ({**network([4]), "fully_connected/biases": np.zeros(130, np.float32)}, "of Magenta's models only basic_rnn"),
        (dict(list(network([4, 4]).items())[2:]), "holds no LSTM network"),
    ],
)
def test_another_network_is_refused(variables, sentence):
    with pytest.raises(MagentaFileError, match=sentence):
        build_note_rnn(source_of(variables), "rl_tuner")


def test_the_command_writes_weights_and_records_their_source(checkpoints, tmp_path, monkeypatch, capsys):
    out = tmp_path / "prior"
    monkeypatch.setattr(sys, "argv", ["import_magenta", str(checkpoints / "basic_rnn.mag"), "--out", str(out)])
    run_command(import_magenta.main)
    assert f"Saved {out}.safetensors" in capsys.readouterr().out
    card = read_model_card(out)
    assert card["architecture"] == {"hidden_size": [64, 64], "cell": "lstm"}
    imported = card["imported"]
    assert (imported["file"], imported["token_order"]) == ("basic_rnn.mag", "magenta")
    assert imported["bundle"]["generator"] == "basic_rnn"
    assert imported["sha256"] == {"basic_rnn.mag": hashlib.sha256((FILES / "basic_rnn.mag").read_bytes()).hexdigest()}
    assert json.loads((tmp_path / "prior.json").read_text()) == card
    assert load_note_rnn(out).widths == (64, 64)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "There is no file"),
        (b"", "0 checkpoints in it"),
        (b"MThd\0\0\0\6\0\1\0\1\0\x60" * 9, "is damaged, or neither a TensorFlow checkpoint nor a Magenta bundle"),
        (bytes(100), "is damaged, or neither a TensorFlow checkpoint"),
    ],
)
def test_missing_or_foreign_files(content, sentence, tmp_path, monkeypatch, capsys):
    path = tmp_path / "note_rnn.ckpt"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(sys, "argv", ["import_magenta", str(path), "--out", str(tmp_path / "prior")])
    with pytest.raises(SystemExit, match="2"):
        run_command(import_magenta.main)
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.glob("prior*"))


def test_a_shard_that_is_missing_or_changed(checkpoints, tmp_path):
    shutil.copy(checkpoints / "rl_tuner_v2.index", tmp_path)
    with pytest.raises(MagentaFileError, match=r"There is no file .*data-00000-of-00001"):
        read_source(tmp_path / "rl_tuner_v2.index")
    shard = bytearray((checkpoints / "rl_tuner_v2.data-00000-of-00001").read_bytes())
    shard[1000] ^= 1
    (tmp_path / "rl_tuner_v2.data-00000-of-00001").write_bytes(shard)
    with pytest.raises(MagentaFileError, match="do not match their checksum"):
        read_source(tmp_path / "rl_tuner_v2.index")


V1 = (FILES / "rl_tuner_published_names.ckpt").read_bytes()
V1_VARIABLES = read_v1(V1)


@settings(max_examples=100, deadline=None)
@given(place=st.one_of(st.integers(0, len(V1) - 1), st.integers(len(V1) - 2000, len(V1) - 1)), bit=st.integers(0, 7))
def test_a_changed_bit_is_noticed_or_changes_nothing(place, bit):
    damaged = bytearray(V1)
    damaged[place] ^= 1 << bit
    try:
        variables = read_v1(bytes(damaged))
    except FormatError:
        return
    assert variables.keys() == V1_VARIABLES.keys()
    assert all(np.array_equal(variables[name], array) for name, array in V1_VARIABLES.items())


@settings(max_examples=50, deadline=None)
@given(st.integers(0, len(V1) - 1))
def test_what_is_cut_off_is_noticed(size):
    with pytest.raises(FormatError):
        read_v1(V1[:size])


@given(st.binary(max_size=200))
def test_any_bytes_are_a_message_or_an_error(data):
    try:
        Message(data)
    except FormatError:
        return


def test_fields_of_a_message_by_hand():
    # the first examples of the format's documentation, and one field of each other wire type
    assert read_varint(b"\x96\x01", 0) == (150, 2)
    message = Message(b"\x08\x96\x01\x12\x07testing\x12\x01!\x1d\1\0\0\0\x21\2\0\0\0\0\0\0\0")
    assert message.number(1) == 150
    assert message.text(2) == "!"
    assert message.parts(2) == [b"testing", b"!"]
    assert (message.data(3), message.data(4)) == (b"\1\0\0\0", b"\2" + bytes(7))
    assert (message.number(9), message.data(9), message.messages(9)) == (0, b"", [])


def table(blocks: list[bytes], compression: int = 0) -> bytes:
    """A table of `blocks` of entries, each written as it is."""
    content, index = b"", b""
    for block in [*blocks, None]:
        body = index + struct.pack("<II", 0, 1) if block is None else block
        place = bytes([len(content), len(body)])
        kind = bytes([0 if block is None else compression])
        content += body + kind + struct.pack("<I", checksum(body + kind))
        index += bytes([0, 1, 2]) + b"k" + place
    return content + (b"\0\0" + place).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)


def test_keys_of_a_table_share_their_beginnings():
    first = b"\0\3\1abcX\2\1\1dY" + struct.pack("<II", 0, 1)
    second = b"\0\1\2zZZ" + struct.pack("<II", 0, 1)
    expected = {b"abc": b"X", b"abd": b"Y", b"z": b"ZZ"}
    assert read_table(table([first, second])) == expected
    compressed = [bytes(cramjam.snappy.compress_raw(block)) for block in (first, second)]
    assert read_table(table(compressed, compression=1)) == expected  # as TensorFlow 1.0 wrote the index of V2


@pytest.mark.parametrize(("compression", "sentence"), [(1, "cannot be decompressed"), (7, "unknown compression 7")])
def test_a_block_that_cannot_be_unpacked(compression, sentence):
    with pytest.raises(FormatError, match=sentence):
        read_table(table([b"\xff\xff\xff"], compression))


def test_checksum_is_that_of_the_standard_masked():
    # RFC 3720, B.4: the CRC-32C of 32 zeros is 0x8A9136AA
    assert checksum(bytes(32)) == ((0x8A9136AA >> 15 | 0x8A9136AA << 17) + 0xA282EAD8) & 0xFFFFFFFF
