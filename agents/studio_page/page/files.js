// Files: MIDI, ABC, WAV and records out; MIDI, ABC and records in, chosen or dropped; and links that hold a melody.
"use strict";

function save(name, content, type) {
  const link = element("a", {download: name, href: URL.createObjectURL(new Blob([content], {type}))});
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

const toLink = (record) => btoa(JSON.stringify(record)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
const fromLink = (text) => JSON.parse(atob(text.replaceAll("-", "+").replaceAll("_", "/")));

class Files {
  constructor(studio) {
    this.studio = studio;
    const formats = {midi: "mid", abc: "abc", wav: "wav", json: "json"};
    for (const [id, suffix] of Object.entries(formats)) byId(`save-${id}`).addEventListener("click", () => this.save(suffix));
    byId("link").addEventListener("click", () => this.link());
    byId("open").addEventListener("change", (event) => this.openAll(event.target.files));
    addEventListener("dragover", (event) => event.preventDefault());
    addEventListener("drop", (event) => {
      event.preventDefault();
      this.openAll(event.dataTransfer.files);
    });
  }

  get title() {
    return `Melody, seed ${this.studio.work.state.seed}`;
  }

  record() {
    const {work} = this.studio;
    return recordOf(work.state.tokens, work.agent, work.setting, work.state, this.title);
  }

  async save(suffix) {
    const {work, secondsPerStep} = this.studio, {tokens} = work.state;
    const writers = {
      mid: async () => [midiFile(tokens, work.setting, this.title), "audio/midi"],
      abc: async () => [abcText(tokens, work.setting, this.title), "text/vnd.abc"],
      wav: async () => [wavFile(await renderedSound(tokens, work.setting.accompaniment, secondsPerStep), 44100), "audio/wav"],
      json: async () => [JSON.stringify(this.record(), null, 1), "application/json"],
    };
    save(`melody-${work.state.seed}.${suffix}`, ...(await writers[suffix]()));
  }

  // Put the melody into the address, and copy that where the browser allows it.
  async link() {
    const {tokens, config, checksum} = this.record(), {fixed, model, ...rest} = config;
    location.hash = toLink({tokens, checksum, config: rest});
    try {
      await navigator.clipboard.writeText(location.href);
      this.studio.say("The link is copied: it opens this melody in this page.");
    } catch {
      this.studio.say("The address of the page is now a link to this melody.");
    }
  }

  openLink() {
    if (location.hash.length < 2) return false;
    try {
      this.show(readRecord(fromLink(location.hash.slice(1))));
      return true;
    } catch {
      this.studio.say("This link holds no melody.");
      return false;
    }
  }

  async openAll([file]) {
    if (!file) return;
    try {
      const bytes = new Uint8Array(await file.arrayBuffer());
      this.open(file.name, bytes);
      this.studio.say(`Opened ${file.name}.`);
    } catch (error) {
      this.studio.say(`${file.name} cannot be opened: ${error.message}`);
    }
  }

  open(name, bytes) {
    const text = () => new TextDecoder().decode(bytes);
    if (/\.json$/i.test(name)) return this.show(readRecord(JSON.parse(text())));
    const tune = /\.abc$/i.test(name) ? readAbc(text()) : readMidi(bytes);
    const {state} = this.studio.work, {key, mode} = {key: state.key, mode: state.mode, ...tune};
    const setting = {key, mode, meter: tune.meter, tempo: tune.tempo ?? state.tempo, form: "", chords: ""};
    this.show({tokens: tokensOfTune(tune), setting, options: {}});
  }

  show({tokens, setting, options, checksum}) {
    const {work} = this.studio, number = work.agents.findIndex(({card}) => card.checksum === checksum);
    const given = Object.entries({...setting, ...options}).filter(([, value]) => value !== undefined && value !== null);
    const changes = {...Object.fromEntries(given), agent: number < 0 ? work.state.agent : number};
    const locked = new Array(tokens.length).fill(false);
    checkSetting({...work.state, ...changes, tokens});
    work.change({...changes, tokens, locked, isComposed: false});
  }
}

// Throw an Error unless key, mode, meter, tempo, form and chords of a `state` can be those of a piece.
function checkSetting({key, mode, meter, tempo, form, chords, tokens}) {
  const rises = (step, i) => Number.isInteger(step) && step < 12 && (i === 0 || step > mode[i - 1]);
  const isScale = Array.isArray(mode) && mode[0] === 0 && mode.every(rises);
  if (!/^[A-G][#b]?$/.test(key) || !(Object.hasOwn(MODES, mode) || isScale)) throw new Error("its key or mode is unknown.");
  if (!/^([1-9]|1[0-6])\/(2|4|8|16)$/.test(meter) || !(tempo >= 4 && tempo <= 1000)) throw new Error("its meter or tempo is unknown.");
  new Setting({key, mode, meter, tempo, form, chords, steps: tokens.length, range: [MIN_PITCH, MAX_PITCH]});
}
