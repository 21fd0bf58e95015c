"""Passages that are filled in: what is given stays, and what is composed leads to it."""

import numpy as np
import pytest
import torch

from note_rnn import NoteRNN

CALL = """
async function main({studio, given, seeds}) {
  const [agent] = await agentsOf(studio);
  const composer = new Composer(agent, new Setting({...agent.card.setting, steps: given.length}), 1);
  const options = {temperature: 1, masks: {}}, primer = [14];
  const fitOfPassage = (tokens, {end}) => {
    composer.begin(primer);
    tokens.slice(0, end).forEach((token) => composer.play(token));
    return fitOf(composer, tokens, end, options);
  };
  const results = [];
  for (let seed = 0; seed < seeds; seed++) {
    const filled = fillIn(composer, primer, given, options, uniformNumbers(seed));
    composer.begin(primer);
    const plain = composeAround(composer, given, options, uniformNumbers(seed));
    const [passage] = passagesOf(given);
    results.push({filled, fits: [fitOfPassage(filled, passage), fitOfPassage(plain, passage)]});
  }
  return results;
}
"""


@pytest.fixture(scope="module")
def studio(agent_of, page_data):
    """The data of an agent with large weights, so that what it finds likely depends much on what came before."""
    torch.manual_seed(1)
    prior = NoteRNN(12).eval().requires_grad_(False)
    for weights in prior.parameters():
        weights.normal_(0, 1.2)
    return page_data(agent_of("q", prior))


def test_passages_are_runs_of_what_is_free(engine):
    script = "const main = async (given) => passagesOf(given);"
    given = [None, None, 3, 4, None, 5, None]
    assert engine(script, given) == [{"start": 0, "end": 2}, {"start": 4, "end": 5}, {"start": 6, "end": 7}]
    assert engine(script, [1, 2]) == []


def test_what_is_given_stays_and_the_rest_is_composed(engine, studio):
    given = [14, None, None, 1, 16, None, 0, None, 18, 1, None, None]
    for result in engine(CALL, {"studio": studio, "given": given, "seeds": 5}):
        filled = result["filled"]
        assert [token for token, fixed in zip(filled, given, strict=True) if fixed is not None] == [
            fixed for fixed in given if fixed is not None
        ]
        assert all(0 <= token < 38 for token in filled)


def test_a_passage_leads_to_what_follows(engine, studio):
    """What follows is likelier, on average, after a passage that is chosen for it than after one that is not."""
    given = [14, 16, *[None] * 4, *[18, 1, 21, 0, 14, 14, 20, 1, 16, 5]]
    results = engine(CALL, {"studio": studio, "given": given, "seeds": 40})
    chosen, plain = np.mean([result["fits"] for result in results], axis=0)
    assert chosen > plain + 0.5
    assert len({tuple(result["filled"]) for result in results}) > 20


def test_uniform_numbers_are_uniform_and_repeat(engine):
    script = """const main = async (seed) => {
      const next = uniformNumbers(seed);
      return Array.from({length: 4000}, next);
    };"""
    numbers = np.array(engine(script, 5))
    assert numbers.tolist() == engine(script, 5)
    assert 0 <= numbers.min() < numbers.max() < 1
    np.testing.assert_allclose(np.histogram(numbers, 10, (0, 1))[0], 400, atol=80)
    assert not np.allclose(numbers, engine(script, 6))


def test_reading_gives_what_composing_had(engine, studio):
    """Log-probabilities of a melody that is there are those of composing it."""
    script = """
      async function main({studio, tokens}) {
        const [agent] = await agentsOf(studio);
        const composer = new Composer(agent, new Setting(agent.card.setting), 1);
        const {probabilities, logProbs} = read(composer, [1], tokens);
        composer.begin([1]);
        const logs = tokens.map((token) => { const log = composer.logPrior[token]; composer.play(token); return log; });
        return [[...logProbs], logs, [...probabilities.slice(0, 38)].reduce((a, b) => a + b)];
      }
    """
    tokens = np.random.default_rng(0).integers(0, 38, 32).tolist()
    read, composed, total = engine(script, {"studio": studio, "tokens": tokens})
    assert read == composed
    assert total == pytest.approx(1, abs=1e-6)
