from . import corpus
from .chords import Chord, ChordError, Progression, parse_chord, parse_progression
from .common.atomic_files import replacing, write_json, write_text
from .common.errors import InputError, run_command
from .common.progress import Progress
from .corpus import held_out_openings
from .corpus.copying import longest_shared_runs
from .extraction.midi_melody import read_midi
from .extraction.pipeline import Extraction, extract_melodies
from .extraction.tunes import Bars
from .formats.abc import write_abc
from .formats.midi import MelodyFileError, write_midi
from .formats.musicxml import write_musicxml
from .formats.svg import write_svg
from .formats.wav import SAMPLE_RATE, synthesize, write_wav
from .network.checkpoint import CheckpointError, load_note_rnn, read_model_card, save_note_rnn, weights_checksum
from .network.lookback import Lookback
from .network.model import NoteRNN
from .network.one_hot_lstm import LSTMState, one_hot_lstm
from .network.readout import Readout, one_hot
from .network.recurrent_layers import Cell, RecurrentLayers, State, layer_widths
from .primers import PrimerError, parse_token, read_primer, read_tune
from .vocabulary import NO_EVENT, NOTE_OFF, VOCABULARY_SIZE, Tokens, VocabularyError, check_tokens, transposed

__all__ = [
    "NOTE_OFF",
    "NO_EVENT",
    "SAMPLE_RATE",
    "VOCABULARY_SIZE",
    "Bars",
    "Cell",
    "CheckpointError",
    "Chord",
    "ChordError",
    "Extraction",
    "InputError",
    "LSTMState",
    "Lookback",
    "MelodyFileError",
    "NoteRNN",
    "PrimerError",
    "Progress",
    "Progression",
    "Readout",
    "RecurrentLayers",
    "State",
    "Tokens",
    "VocabularyError",
    "check_tokens",
    "corpus",
    "extract_melodies",
    "held_out_openings",
    "layer_widths",
    "load_note_rnn",
    "longest_shared_runs",
    "one_hot",
    "one_hot_lstm",
    "parse_chord",
    "parse_progression",
    "parse_token",
    "read_midi",
    "read_model_card",
    "read_primer",
    "read_tune",
    "replacing",
    "run_command",
    "save_note_rnn",
    "synthesize",
    "transposed",
    "weights_checksum",
    "write_abc",
    "write_json",
    "write_midi",
    "write_musicxml",
    "write_svg",
    "write_text",
    "write_wav",
]
