"""Readers of the checkpoints of Magenta's melody models, without TensorFlow.

`wire` reads protocol buffers, `table` the sorted tables that contain them, `tensors` the variables in the tables,
`sources` finds the files of a checkpoint, and `networks` builds a Note RNN from its variables.
"""


class FormatError(ValueError):
    """Bytes that do not follow the format; the message is the reason, without the file's name."""
