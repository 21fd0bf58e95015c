"""Checkpoints: weights and model card round-trip; damaged or foreign files are refused in one sentence."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from note_rnn import CheckpointError, Lookback, NoteRNN, load_note_rnn, read_model_card, save_note_rnn, weights_checksum
from note_rnn.vocabulary import VOCABULARY


def test_weights_that_are_not_finite_are_refused(tmp_path):
    model = NoteRNN(hidden_size=3)
    with torch.no_grad():
        model.head.bias[0] = float("inf")
    path = save_note_rnn(model, tmp_path / "diverged", {"metrics": {"nats": float("nan")}})
    with pytest.raises(
        CheckpointError, match=r"diverged\.safetensors cannot be used: its weights are not finite 32-bit floats"
    ):
        load_note_rnn(path)
    assert json.loads(path.with_suffix(".json").read_text())["metrics"] == {"nats": None}


def test_round_trip_gives_the_same_network_frozen(small_prior, tmp_path):
    path = save_note_rnn(small_prior, tmp_path / "prior", {"corpus": "mine"})
    assert path == tmp_path / "prior.safetensors"
    loaded = load_note_rnn(tmp_path / "prior")
    tokens = [[14, 1, 0, 20]]
    torch.testing.assert_close(loaded.log_probs(tokens), small_prior.log_probs(tokens), rtol=0, atol=0)
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())


def test_card_has_size_checksum_and_the_fields_of_the_trainer(small_prior, tmp_path):
    path = save_note_rnn(small_prior, tmp_path / "prior", {"corpus": "mine"})
    card = read_model_card(path)
    assert card["architecture"] == {"hidden_size": [12], "cell": "lstm"}
    assert card["corpus"] == "mine"
    assert card["checksum"] == weights_checksum(small_prior.state_dict())
    assert json.loads(path.with_suffix(".json").read_text()) == card


def test_checksum_follows_every_weight(small_prior):
    weights = {name: tensor.clone() for name, tensor in small_prior.state_dict().items()}
    before = weights_checksum(weights)
    weights["head.bias"][3] += 1e-6
    assert weights_checksum(weights) != before


def test_checksum_follows_names_shapes_and_kinds_but_no_order():
    weights = {"a": torch.arange(6.0), "b": torch.zeros(2, 3)}
    checksum = weights_checksum(weights)
    assert weights_checksum(dict(reversed(weights.items()))) == checksum
    others = [
        {"a": weights["a"], "c": weights["b"]},
        {"a": weights["a"].view(2, 3), "b": weights["b"]},
        {"a": weights["a"], "b": weights["b"].to(torch.int32)},
        {"a": weights["b"].view(6), "b": weights["a"].view(2, 3)},
    ]
    assert len({checksum, *map(weights_checksum, others)}) == 5
    assert weights_checksum({"a": torch.arange(12.0).view(2, 6)[:, ::2]}) == weights_checksum(
        {"a": torch.tensor([[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]])}
    )


@pytest.mark.parametrize("size", [((6, 3), 1, "lstm"), (5, 2, "gru")])
def test_networks_of_any_shape_survive_the_disk(size, tmp_path):
    torch.manual_seed(0)
    model = NoteRNN(*size)
    loaded = load_note_rnn(save_note_rnn(model, tmp_path / "prior"))
    assert loaded.architecture == model.architecture
    assert torch.equal(loaded.log_probs([[14, 1, 0]]), model.log_probs([[14, 1, 0]]))


def test_names_with_dots_get_the_suffix_and_tildes_are_followed(small_prior, tmp_path, monkeypatch):
    assert save_note_rnn(small_prior, tmp_path / "my.prior") == tmp_path / "my.prior.safetensors"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_note_rnn("~/my.prior").widths == (12,)
    assert save_note_rnn(small_prior, "~/new/prior.safetensors") == tmp_path / "new" / "prior.safetensors"


def test_shipped_names_are_those_of_the_package_whatever_lies_in_the_folder(small_prior, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save_note_rnn(small_prior, "lookback")
    assert load_note_rnn("lookback").widths == (128,)
    assert load_note_rnn("./lookback.safetensors").widths == (12,)


def test_default_ships_with_the_package():
    assert load_note_rnn().widths == (100,)
    card = read_model_card()
    assert set(card["corpus"]["collections"]) == {"oneills1850", "ryansMammoth"}
    test, references = card["metrics"]["test"], {row["name"]: row["nats"] for row in card["references"]}
    assert test["nats"] <= 1.05
    assert test["accuracy"] >= 0.66
    assert test["nats"] <= min(references.values()) - 0.1


def test_the_one_that_looks_back_is_better_in_every_meter_and_its_bars_come_back():
    card, model = read_model_card("lookback"), load_note_rnn("lookback")
    assert (model.widths, model.lookback) == ((128,), Lookback())
    metrics = card["metrics"]
    assert metrics["test_by_meter"]["any"]["nats"] <= 0.70
    assert set(metrics["test_by_meter"]) == {"any", "duple", "compound", "triple", "9/8"}
    for bars in metrics["test_nats_by_bar"].values():
        assert np.mean(bars[2:8]) < 0.8 * np.mean(bars[:2])
    samples, human = metrics["samples"], metrics["human"]
    assert samples["repeated_bars"]["4"] >= 0.1
    assert samples["distinct"] == 1
    assert samples["shared_run"] <= human["shared_run"] + 2
    assert samples["copied"] == 0
    assert card["cpu_seconds"] <= 30 * 60


def test_flipped_bit_is_noticed(small_prior, tmp_path):
    path = save_note_rnn(small_prior, tmp_path / "prior")
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match="is damaged: its weights do not match their checksum"):
        load_note_rnn(path)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "No Note RNN at"),
        (b"", "is not a readable safetensors file"),
        (b"x" * 500, "is not a readable safetensors file"),
    ],
)
def test_missing_or_foreign_file(content, sentence, tmp_path):
    path = tmp_path / "prior.safetensors"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CheckpointError, match=sentence):
        load_note_rnn(path)


def test_truncated_file(small_prior, tmp_path):
    path = save_note_rnn(small_prior, tmp_path / "prior")
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="is not a readable safetensors file"):
        load_note_rnn(path)


def test_safetensors_of_something_else(tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(CheckpointError, match="has no model card"):
        load_note_rnn(tmp_path / "other.safetensors")


def test_weights_of_another_architecture(small_prior, tmp_path):
    path = save_note_rnn(small_prior, tmp_path / "prior", {"architecture": {"hidden_size": 13, "num_layers": 1}})
    with pytest.raises(CheckpointError, match="do not fit the architecture"):
        load_note_rnn(path)


def test_another_vocabulary(tmp_path):
    path = save_note_rnn(NoteRNN(4), tmp_path / "prior", {"vocabulary": "88 keys"})
    with pytest.raises(CheckpointError, match="a vocabulary other than"):
        load_note_rnn(path)


@pytest.mark.parametrize(
    "architecture",
    [
        {"hidden_size": [2_000], "cell": "lstm"},  # 64 MB, for a file of 5 kB
        {"hidden_size": [1_000_000_000], "cell": "lstm"},
        {"hidden_size": 12, "num_layers": 1_000_000_000},
        {"hidden_size": [12] * 1_000},
        {"hidden_size": [], "cell": "lstm"},
        {"hidden_size": [-12]},
        {"hidden_size": [12.5]},
        {"hidden_size": "12"},
        {"hidden_size": [12], "cell": "rnn"},
        {"cell": "lstm"},
        [12],
        None,
    ],
)
def test_what_a_card_declares_is_compared_with_the_weights_before_memory_is_taken(architecture, small_prior, tmp_path):
    path = save_note_rnn(small_prior, tmp_path / "prior", {"architecture": architecture})
    with pytest.raises(CheckpointError, match="do not fit the architecture"):
        load_note_rnn(path)


def test_empty_tensors_of_enormous_shapes_are_refused(tmp_path):
    weights = {"lstm.weight_ih_l0": torch.zeros(0, 38), "lstm.weight_hh_l0": torch.zeros(0, 10**9)}
    card = {"vocabulary": VOCABULARY, "architecture": {"hidden_size": [10**9]}, "checksum": weights_checksum(weights)}
    save_file(weights, tmp_path / "prior.safetensors", metadata={"card": json.dumps(card)})
    with pytest.raises(CheckpointError, match="do not fit the architecture"):
        load_note_rnn(tmp_path / "prior.safetensors")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(value, tmp_path):
    model = NoteRNN(4)
    model.head.bias.data[3] = value
    with pytest.raises(CheckpointError, match="not finite 32-bit floats"):
        load_note_rnn(save_note_rnn(model, tmp_path / "prior"))


@pytest.mark.parametrize("card", ["{", "[1]", "9" * 5_000, "[" * 100_000, "null"])
def test_a_card_that_is_no_object_is_refused(card, tmp_path):
    save_file({"a": torch.zeros(2)}, tmp_path / "prior.safetensors", metadata={"card": card})
    with pytest.raises(CheckpointError, match=r"cannot be used: it|has no model card"):
        load_note_rnn(tmp_path / "prior.safetensors")
