// The listening study: pairs of melodies, played to the end before they are judged, and votes as a file to download.
"use strict";

const study = JSON.parse(document.getElementById("data").textContent);
const decoded = (text) => JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))));
const byId = (id) => document.getElementById(id);
const scale = [...document.querySelectorAll("[data-preference]")];
const player = new Player();
player.tempo = study.tempo;

// study.html#7 is order 7; without a number the order is random. Where pairs are chosen by votes, it is the seed.
const requested = Number.parseInt(location.hash.slice(1), 10);
const orders = study.choice ? 2 ** 32 : study.orders.length;
const order = Number.isInteger(requested) ? Math.abs(requested) % orders : Math.floor(Math.random() * orders);
const trials = study.choice ? [] : study.orders[order];
const comparisons = study.choice ? study.choice.pairs + study.choice.hidden_repeats : trials.length;
const session = [...crypto.getRandomValues(new Uint8Array(8))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
const votes = new Array(comparisons).fill(null);
let trial = 0;
let began = 0;
let isSaved = false;

class Side {
  constructor(button, index) {
    this.button = button;
    this.index = index;
    this.state = button.querySelector(".state");
    this.bar = button.querySelector(".bar span");
    button.addEventListener("click", () => this.toggle());
  }

  get tokens() {
    return study.melodies[trials[trial][this.index]];
  }

  reset() {
    this.wasPlayed = votes[trial] !== null;
    this.moved(0);
    this.state.textContent = "play";
  }

  toggle() {
    if (player.listener === this) return player.stop();
    player.play(this.tokens, 0, this);
    this.button.setAttribute("aria-pressed", "true");
    this.state.textContent = "playing";
  }

  moved(position) {
    this.bar.style.width = percent(Math.min(position / this.tokens.length, 1));
  }

  ended(isComplete) {
    this.wasPlayed ||= isComplete;
    this.button.setAttribute("aria-pressed", "false");
    this.state.textContent = this.wasPlayed ? "play again" : "play";
    this.moved(0);
    allowVotes();
  }
}

const sides = [...document.querySelectorAll(".side")].map((button, index) => new Side(button, index));

function show(id) {
  player.stop();
  for (const section of document.querySelectorAll("main > section")) section.hidden = section.id !== id;
  byId(id).focus();
  scrollTo(0, 0);
}

function allowVotes() {
  const missing = sides.filter((side) => !side.wasPlayed).map((side) => side.button.dataset.side);
  for (const button of scale) button.disabled = missing.length > 0;
  byId("hint").textContent = missing.length ? `Listen to ${missing.join(" and ")} to the end first.` : "";
}

function present(number) {
  trial = number;
  if (trial === trials.length) trials.push(nextPair(study.choice, order, trials, votes.map(outcomeOf)));
  show("trial");
  began = performance.now();
  for (const side of sides) side.reset();
  for (const button of scale)
    button.setAttribute("aria-pressed", Number(button.dataset.preference) === votes[trial]?.preference);
  byId("count").textContent = `Pair ${trial + 1} of ${comparisons}`;
  byId("progress").value = trial;
  byId("back").disabled = trial === 0;
  allowVotes();
}

function vote(preference) {
  const composers = decoded(study.composers);
  const [left, right] = trials[trial];
  const seconds = Math.round((performance.now() - began) / 100) / 10;
  const {melodies, setting} = study;
  votes[trial] = {left: composers[left], right: composers[right], left_melody: melodies[left], right_melody: melodies[right], setting, preference, seconds};
  isSaved = false;
  if (trial + 1 < comparisons) present(trial + 1);
  else finish();
}

function finish() {
  const given = votes.filter((one) => one !== null);
  const record = {study: study.id, session, order, models: decoded(study.models), votes: given};
  const download = byId("download");
  URL.revokeObjectURL(download.href);
  download.href = URL.createObjectURL(new Blob([JSON.stringify(record, null, 1)], {type: "application/json"}));
  download.download = `votes-${study.id}-${session}.json`;
  byId("summary").textContent = `You have judged ${given.length} of ${comparisons} pairs. One last step: download the file and send it to the person who invited you.`;
  byId("resume").hidden = given.length === comparisons;
  show("end");
}

function handleKey(event) {
  if (byId("trial").hidden || event.ctrlKey || event.metaKey || event.altKey) return;
  const key = event.key.toLowerCase();
  const answer = scale[(key === "t" ? 3 : Number(key)) - 1];
  if (key === "a" || key === "b") sides[key === "a" ? 0 : 1].toggle();
  else if (answer && !answer.disabled) vote(Number(answer.dataset.preference));
}

byId("start").addEventListener("click", () => present(0));
byId("back").addEventListener("click", () => present(trial - 1));
byId("stop").addEventListener("click", finish);
byId("resume").addEventListener("click", () => present(votes.indexOf(null)));
byId("download").addEventListener("click", () => { isSaved = true; });
for (const button of scale) button.addEventListener("click", () => vote(Number(button.dataset.preference)));
addEventListener("keydown", handleKey);
addEventListener("beforeunload", (event) => {
  if (!isSaved && votes.some((one) => one !== null)) event.preventDefault();
});
