"""The command studio: what the page holds, and runs that it cannot hold."""

import base64
import html
import json
import re
import zlib
from pathlib import Path

import numpy as np
import pytest
from stable_baselines3 import PPO

from agents import PPOKL
from agents.composing.composers import Agent, load_run
from agents.studio import main
from agents.studio_page.content import Profile, studio
from agents.studio_page.networks import STEP, packed
from agents.studio_page.page import rendered
from melody_env import EnvironmentSpec, MelodyVecEnv, load_profile
from note_rnn import InputError


def test_the_command_writes_a_page_of_the_runs(small_runs, tmp_path, monkeypatch, capsys, parsed):
    monkeypatch.chdir(tmp_path)
    main([str(run) for run in small_runs])
    assert capsys.readouterr().out == "Saved studio.html: open it in a browser.\n"
    page = parsed((tmp_path / "studio.html").read_text(encoding="utf-8"))
    cards = page.data["agents"]
    assert [card["name"] for card in cards] == ["Q", "Policy gradient"]
    assert [card["model"] for card in cards] == [str(run) for run in small_runs]
    assert [card["checksum"] for card in cards] == [load_run(run).checksum() for run in small_runs]
    assert len(page.data["networks"]) == 3  # the agents share their Note RNN
    assert cards[0]["prior"] == cards[1]["prior"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [([], "at least one run"), (["missing"], "missing"), (["x", "--out", "file/studio.html"], "--out")],
)
def test_what_cannot_be_used_is_told(arguments, told, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match=told):
        main(arguments)


def test_networks_that_the_page_cannot_run_are_refused(small_prior):
    spec = EnvironmentSpec.of(prior=small_prior)
    envs = MelodyVecEnv(2, **spec.arguments)
    own = {"net_arch": [8], "lstm_hidden_size": 6}
    for model in (PPO("MlpPolicy", envs, device="cpu"), PPOKL("MlpLstmPolicy", envs, policy_kwargs=own, device="cpu")):
        with pytest.raises(InputError, match=r"^run has a network that the studio cannot run: "):
            studio(["x"], [Path("run")], [Agent(model.policy, spec)])


def test_weights_are_multiples_of_the_step_in_planes_of_bytes():
    numbers = np.array([[0.0, STEP], [-STEP, 300 * STEP]])
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed([numbers]))), np.uint8).reshape(4, 4)
    assert planes.tolist() == [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 2], [0, 2, 1, 88]]


def test_packing_moves_no_weight_by_more_than_half_a_step(agent_of, small_prior, page_data, engine):
    agent = agent_of("q", small_prior)
    script = """
      async function main({studio}) {
        const weights = await weightsOf(studio.networks[0]);
        return [[...weights.input_0], [...weights.head]];
      }
    """
    inputs, head = engine(script, {"studio": page_data(agent)})
    network = agent.policy.network
    np.testing.assert_allclose(np.reshape(inputs, (-1, 48)).T, network.cell.input_weights.detach(), atol=STEP / 2)
    np.testing.assert_allclose(np.reshape(head, (38, 12)), network.head.logits.weight.detach(), atol=STEP / 2)


def test_the_profile_has_the_nine_rules_and_names_the_others(tmp_path):
    path = tmp_path / "own.yaml"
    rules = "{leap: {weight: 2, patience: 3}, in_key: {}}"
    path.write_text(f"c: 0.25\nlog_prior: false\nrules: {rules}\nmasks: {{in_scale: {{}}}}\n")
    profile = Profile.of(load_profile(path))
    assert profile.weights == {
        **dict.fromkeys(["key", "tonic", "repetition", "autocorrelation", "motif", "repeated_motif"], 0.0),
        "interval": 0.0,
        "leap": 2.0,
        "extrema": 0.0,
    }
    assert profile.parameters == {"leap": {"patience": 3}}
    assert (profile.other_rules, profile.masks) == (("in_key",), {"in_scale": {}})
    assert (profile.c, profile.log_prior) == (0.25, False)


def test_of_several_forms_the_page_begins_with_the_first(agent_of, small_prior):
    agent = agent_of("q", small_prior, form="ABAC | AABA", length=64, key="A", mode="aeolian", tempo=90)
    (card,) = studio(["x"], [Path("run")], [agent]).agents
    assert card.setting == {
        "key": "A",
        "mode": "minor",
        "meter": "4/4",
        "steps": 64,
        "range": (48, 83),
        "tempo": 90,
        "form": "ABAC",
        "chords": "",
    }
    assert (card.observes_form, card.length, card.uses_base) == (True, 64, False)


def test_of_several_progressions_the_page_begins_with_the_first(agent_of, small_prior):
    agent = agent_of("q", small_prior, chords="Dm7 | % | C6/9; F | G", key="C")
    (card,) = studio(["x"], [Path("run")], [agent]).agents
    assert card.setting["chords"] == "Dm7 | Dm7 | C69"
    assert (card.observes_chords, card.observes_form) == (True, False)


def test_primers_are_those_of_the_environment(agent_of, small_prior):
    kinds = [{"priming": "none"}, {"primer": [14, 1, 16]}, {}]
    agents = [agent_of("q", small_prior, **kind) for kind in kinds]
    cards = studio(["a", "b", "c"], [Path("run")] * 3, agents).agents
    assert [card.primer for card in cards] == [[1], [14, 1, 16], None]


def test_the_content_policy_names_the_page_s_own_script(agent_of, small_prior):
    text = rendered(studio(["</script><b>"], [Path("run")], [agent_of("q", small_prior)]))
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert "unsafe" not in policy
    assert html.unescape(policy).startswith("default-src 'none'; script-src 'sha256-")
    assert "</script><b>" not in text
    assert json.loads(re.findall(r'id="data">(.*?)</script>', text)[0])["agents"][0]["name"] == "</script><b>"
