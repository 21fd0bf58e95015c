"""Terms of use of music21's collections, quoted from music21, for the model cards of networks trained on them."""

MUSIC21_TERMS = (
    '"distributed with the permission of the encoders (and, where needed, the composers or arrangers) and where '
    "permitted under United States copyright law ... each piece of music in the corpus is either out of copyright in "
    "the United States or is licensed for use, though there may be restrictions on commercial use. The encodings may "
    'be under copyright but have been licensed for use, though there may be restrictions on commercial use" '
    "(music21, corpus/license.txt)"
)

_TERMS = {
    "oneills1850": (
        "F. O'Neill, Music of Ireland: 1850 Melodies, Chicago 1903, public domain as printed; transcribed to ABC by "
        "volunteers named in each tune; the files state no terms of their own."
    ),
    "ryansMammoth": (
        "Ryan's Mammoth Collection, Boston 1883, public domain as printed; transcribed to ABC by volunteers named in "
        "each tune; the files state no terms of their own."
    ),
    "airdsAirs": (
        '"A Selection of Scotch, English, Irish and Foreign Airs adapted to the Fife, Violin, or German-Flute", James '
        "Aird, Glasgow, from 1778 on, public domain as printed; transcribed to ABC by Jack Campin, 2009; the files "
        "state no terms of their own."
    ),
    "miscFolk": (
        "American fife music and tunes of Bruce and Stokoe, Northumbrian Minstrelsy, 1882, public domain as printed; "
        "transcribed or edited by Jack Campin; the files state no terms of their own."
    ),
    "essenFolksong": (
        '"The legal status of the Essen folksong database is unclear, as the data has been input by many people ... '
        "Prof. AMU Dr. Habil. Ewa Dahlig-Turek ... has given permission for non-commercial distribution and use of "
        'these files in music21" (corpus/essenFolksong/license.txt). Not for commercial use.'
    ),
}

COLLECTION_TERMS = {name: f"{terms} All of music21's corpus is {MUSIC21_TERMS}." for name, terms in _TERMS.items()}
"""Terms of the collections by name; for those not listed only `MUSIC21_TERMS` apply."""

_OWN_FILES = "your own files, under the terms that they came with"


def terms_of(collection: str) -> str:
    """Return the terms of a music21 collection or a corpus file (.npz), as far as known."""
    return _OWN_FILES if collection.endswith(".npz") else COLLECTION_TERMS.get(collection, MUSIC21_TERMS)
