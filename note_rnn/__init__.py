"""What is known of melodies: their 38 tokens, files in and out, corpora, and the LSTM that predicts them."""

from note_rnn.checkpoint import CheckpointError, load_note_rnn, read_model_card, save_note_rnn
from note_rnn.model import LSTMState, NoteRNN
from note_rnn.vocabulary import NO_EVENT, NOTE_OFF, VOCABULARY_SIZE, VocabularyError, check_tokens

__all__ = [
    "NOTE_OFF",
    "NO_EVENT",
    "VOCABULARY_SIZE",
    "CheckpointError",
    "LSTMState",
    "NoteRNN",
    "VocabularyError",
    "check_tokens",
    "load_note_rnn",
    "read_model_card",
    "save_note_rnn",
]
