"""Melodies as tokens: the vocabulary, file formats, corpora, and the recurrent network that predicts them."""

from note_rnn.common.atomic_files import replacing, write_json, write_text
from note_rnn.common.errors import InputError, run_command
from note_rnn.common.progress import Progress
from note_rnn.corpus import held_out_openings
from note_rnn.extraction.pipeline import Extraction, extract_melodies
from note_rnn.formats.abc import write_abc
from note_rnn.formats.midi import MelodyFileError, read_midi, write_midi
from note_rnn.formats.musicxml import write_musicxml
from note_rnn.formats.wav import SAMPLE_RATE, synthesize, write_wav
from note_rnn.network.checkpoint import CheckpointError, load_note_rnn, read_model_card, save_note_rnn, weights_checksum
from note_rnn.network.model import NoteRNN
from note_rnn.network.one_hot_lstm import LSTMState, one_hot_lstm
from note_rnn.network.readout import Readout, one_hot
from note_rnn.network.recurrent_layers import Cell, RecurrentLayers, State, layer_widths
from note_rnn.primers import PrimerError, parse_token, read_primer
from note_rnn.vocabulary import NO_EVENT, NOTE_OFF, VOCABULARY_SIZE, Tokens, VocabularyError, check_tokens, transposed

__all__ = [
    "NOTE_OFF",
    "NO_EVENT",
    "SAMPLE_RATE",
    "VOCABULARY_SIZE",
    "Cell",
    "CheckpointError",
    "Extraction",
    "InputError",
    "LSTMState",
    "MelodyFileError",
    "NoteRNN",
    "PrimerError",
    "Progress",
    "Readout",
    "RecurrentLayers",
    "State",
    "Tokens",
    "VocabularyError",
    "check_tokens",
    "extract_melodies",
    "held_out_openings",
    "layer_widths",
    "load_note_rnn",
    "one_hot",
    "one_hot_lstm",
    "parse_token",
    "read_midi",
    "read_model_card",
    "read_primer",
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
    "write_text",
    "write_wav",
]
