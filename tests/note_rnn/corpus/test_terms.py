"""Terms of use of the training data, for the model card."""

from note_rnn.corpus.terms import MUSIC21_TERMS, terms_of


def test_files_of_ones_own_come_under_their_own_terms():
    assert terms_of("corpora/oneills1850.npz") == "your own files, under the terms that they came with"


def test_a_collection_has_its_own_terms_and_those_of_music21():
    terms = terms_of("oneills1850")
    assert terms.startswith("F. O'Neill, Music of Ireland: 1850 Melodies, Chicago 1903")
    assert terms.endswith(f"All of music21's corpus is {MUSIC21_TERMS}.")


def test_of_any_other_collection_the_terms_of_music21_are_given():
    assert terms_of("bach") == MUSIC21_TERMS
    assert "restrictions on commercial use" in MUSIC21_TERMS
