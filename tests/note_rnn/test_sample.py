"""The sampling command: MIDI files that continue a primer, and the record that reproduces them."""

import json
import sys
from dataclasses import replace

import numpy as np
import pretty_midi
import pytest
import torch

from note_rnn import (
    NO_EVENT,
    InputError,
    Lookback,
    NoteRNN,
    read_midi,
    read_primer,
    run_command,
    save_note_rnn,
    write_midi,
)
from note_rnn import sample as sampling
from note_rnn.network.checkpoint import read_model_card
from note_rnn.network.generation import sample_melodies
from note_rnn.sample import SampleConfig, sample


@pytest.fixture
def config(small_prior_file, tmp_path):
    return SampleConfig(str(small_prior_file), tmp_path / "samples", n=3, length=12)


def run(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["sample", *map(str, arguments)])
    run_command(sampling.main)


def test_files_and_record_agree(small_prior, small_prior_file, tmp_path, monkeypatch, capsys):
    write_midi([14, 1, 16, 1, 18, 1, 14, 1], tmp_path / "primer.mid")
    arguments = ["--prior", small_prior_file, "--primer", tmp_path / "primer.mid", "--primer-length", 5, "--n", 10]
    run(monkeypatch, *arguments, "--length", 12, "--top-p", 0.9, "--out", tmp_path / "samples")
    assert f"Wrote 10 melodies and samples.json to {tmp_path / 'samples'}" in capsys.readouterr().out
    record = json.loads((tmp_path / "samples" / "samples.json").read_text())
    assert record["settings"]["seed"] == 0
    assert record["settings"]["top_p"] == 0.9
    assert record["primer"] == "14 1 16 1 18"
    assert [melody["file"] for melody in record["melodies"]] == [f"melody_{number:02}.mid" for number in range(1, 11)]
    for melody in record["melodies"]:
        tokens = read_primer(melody["tokens"])
        assert len(read_midi(tmp_path / "samples" / melody["file"])) == len(tokens) == 12
        log_probs = small_prior.log_probs([[NO_EVENT, *read_primer(record["primer"]), *tokens[:-1]]])[0, -12:]
        assert melody["log_prob"] == pytest.approx(log_probs[np.arange(12), tokens].mean().item(), abs=1e-5)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n", 5),
        ("length", 9),
        ("seed", 4),
        ("primer", "14 1 30"),
        ("priming", "random_note"),
        ("meter", "6/8"),
        ("temperature", 0.3),
        ("top_p", 0.3),
    ],
)
def test_every_setting_decides_what_is_drawn(config, name, value, tmp_path):
    """What is written are the melodies of `sample_melodies` with the same settings, and no others."""
    torch.manual_seed(0)
    model = NoteRNN(8, lookback=Lookback((0.25, 1))).eval().requires_grad_(False)
    for weights in model.parameters():
        weights += 0.7 * torch.randn_like(weights)  # what comes depends on what came before
    config = replace(config, prior=str(save_note_rnn(model, tmp_path / "lively")))
    drawn = {"n": 3, "length": 12, "seed": 0, "primer": (), "temperature": 1.0, "top_p": 1.0}
    without, _ = sample_melodies(model, **drawn)
    own = {"primer": read_primer(value)} if name == "primer" else {} if name == "meter" else {name: value}
    melodies, log_prob = sample_melodies(model.in_meter(value) if name == "meter" else model, **drawn | own)
    sample(replace(config, **{name: value}))
    record = json.loads((config.out / "samples.json").read_text())
    assert [read_primer(melody["tokens"]).tolist() for melody in record["melodies"]] == melodies.tolist()
    assert melodies.tolist() != without.tolist()
    assert [melody["log_prob"] for melody in record["melodies"]] == pytest.approx(log_prob / melodies.shape[1])
    assert record["settings"][name] == value
    assert record["prior_checksum"] == read_model_card(config.prior)["checksum"]


@pytest.mark.parametrize("primer", [[], [14], [14, 1, 30]])
def test_melodies_begin_on_a_bar_line_whatever_the_primer(primer, lookback_prior):
    model = lookback_prior.in_meter("3/4")
    melodies, log_prob = sample_melodies(model, 4, 20, primer=primer)
    inputs = np.concatenate([np.tile([NO_EVENT, *primer], (4, 1)), melodies[:, :-1]], axis=1)
    log_probs = model.in_meter("3/4", len(primer)).log_probs(inputs).numpy()[:, len(primer) :]
    expected = np.take_along_axis(log_probs, melodies[..., None], -1).sum((1, 2))
    np.testing.assert_allclose(log_prob, expected, rtol=1e-4)


def test_a_random_note_precedes_each_melody_unless_there_is_a_primer(small_prior):
    """The Note RNN repeats its last token for certain."""
    echo = NoteRNN(38).requires_grad_(False)
    for weights in echo.parameters():
        weights.zero_()
    gates = echo.layers.input_weights.view(4, 38, 38)
    gates[0] -= 20  # nothing is written to the memory ...
    for gate in (0, 2):
        gates[gate] += 40 * torch.eye(38)  # ... but the token
    gates[3] += 20
    echo.head.weight += 60 * torch.eye(38)
    first, _ = sample_melodies(echo, 2_000, 1, priming="random_note")
    assert np.bincount(first[:, 0], minlength=38).min() > 20
    assert (sample_melodies(echo, 50, 1)[0] == NO_EVENT).all()
    assert (sample_melodies(echo, 50, 1, primer=[14], priming="random_note")[0] == 14).all()
    with pytest.raises(InputError, match="priming must be one of 'random_note', 'none', not 'human'"):
        sample_melodies(small_prior, 1, 1, priming="human")


def test_what_is_no_meter_is_told_in_a_sentence(small_prior_file, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit) as end:
        run(monkeypatch, "--prior", small_prior_file, "--meter", "4", "--out", tmp_path / "samples")
    assert end.value.code == 2
    assert "A meter must be a time signature such as 4/4, 3/4 or 6/8, not '4'." in capsys.readouterr().err


def test_files_have_the_tempo(config):
    (path,) = sample(replace(config, n=1, bpm=90.0))
    assert pretty_midi.PrettyMIDI(str(path)).get_tempo_changes()[1] == pytest.approx([90.0], abs=0.01)


def test_the_seed_decides_all(config, tmp_path):
    def drawn(**changes):
        files = sample(
            SampleConfig(**{**vars(config), "out": tmp_path / str(len(list(tmp_path.iterdir()))), **changes})
        )
        return [path.read_bytes() for path in files]

    assert drawn() == drawn() != drawn(seed=1)


def test_the_primer_can_be_kept(config):
    (path,) = sample(SampleConfig(config.prior, config.out, n=1, length=4, primer="14 1 16", keep_primer=True))
    assert read_midi(path)[:3].tolist() == [14, 1, 16]
    assert len(read_midi(path)) == 7


def test_frequencies_are_the_models_at_a_temperature():
    torch.manual_seed(0)
    model = NoteRNN(8).eval().requires_grad_(False)
    model.head.bias.copy_(torch.linspace(-2, 2, 38))
    melodies, log_prob = sample_melodies(model, 20_000, 1, primer=[14, 20], temperature=0.5)
    log_probs = model.log_probs([[NO_EVENT, 14, 20]])[0, -1]
    frequencies = np.bincount(melodies[:, 0], minlength=38) / 20_000
    np.testing.assert_allclose(frequencies, (log_probs / 0.5).softmax(-1), atol=0.012)
    np.testing.assert_allclose(log_prob, log_probs.numpy()[melodies[:, 0]], rtol=1e-5)
    likeliest = (log_probs / 0.5).softmax(-1).sort(descending=True)
    count = int((likeliest.values.cumsum(-1) < 0.6).sum()) + 1  # that make up 60 % at this temperature
    melodies, _ = sample_melodies(model, 2_000, 1, primer=[14, 20], temperature=0.5, top_p=0.6)
    assert set(melodies[:, 0].tolist()) == set(likeliest.indices[:count].tolist())


def test_the_smallest_nucleus_is_the_likeliest_token():
    torch.manual_seed(0)
    model = NoteRNN((9, 5), cell="gru").eval().requires_grad_(False)
    melodies, _ = sample_melodies(model, 2, 6, seed=3, top_p=1e-9)
    tokens = [NO_EVENT]
    for _ in range(6):
        tokens.append(int(model.log_probs([tokens])[0, -1].argmax()))
    assert melodies.tolist() == [tokens[1:]] * 2


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--n", 0], "--n must be at least 1, not 0."),
        (["--length", 0], "--length must be at least 1, not 0."),
        (["--primer", "C4", "--priming", "random_note"], "leave out --priming or --primer."),
        (["--temperature", 0], "--temperature must be a number from 0.000001 to 1,000,000, not 0.0."),
        (["--temperature", 1e-300], "--temperature must be a number from 0.000001 to 1,000,000, not 1e-300."),
        (["--top-p", 1.5], "--top-p must be above 0 and at most 1, not 1.5."),
        (["--top-p", 0], "--top-p must be above 0 and at most 1, not 0.0."),
        (["--bpm", 1], "bpm must be within"),
        (["--prior", "nowhere"], "No Note RNN at nowhere.safetensors"),
        (["--primer", "nowhere.mid"], "There is no file nowhere.mid"),
        (["--primer", "14 99"], "Token 99"),
    ],
)
def test_what_cannot_be_drawn_is_refused(arguments, sentence, tmp_path, monkeypatch, capsys):
    with pytest.raises(SystemExit, match="2"):
        run(monkeypatch, *arguments, "--out", tmp_path / "samples")
    assert sentence in capsys.readouterr().err
    assert not (tmp_path / "samples").exists()
