// Agents and their Note RNNs, built from the data of the page.
"use strict";

// The agents of `studio`: each has a card, a network and its prior, which agents may share.
async function agentsOf(studio) {
  const networks = await Promise.all(studio.networks.map(async (packed) => ({
    card: packed.card,
    network: new Network(packed.card, await weightsOf(packed)),
  })));
  return studio.agents.map((card) => ({
    name: card.name,
    card: {...card, ...networks[card.network].card},
    network: networks[card.network].network,
    prior: networks[card.prior],
  }));
}

// The tokens before a melody: the agent's own, or one drawn.
const primerOf = ({card}, uniform) => card.primer ?? [Math.floor(uniform() * VOCABULARY_SIZE)];
