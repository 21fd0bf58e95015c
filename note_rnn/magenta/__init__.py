"""Reading the checkpoints of Magenta's melody models without TensorFlow: the published formats, a file for each idea.

`wire` reads protocol buffers, `table` the sorted tables that hold them, `tensors` the variables in these, `sources`
finds the files of a checkpoint, and `networks` makes a Note RNN of its variables.
"""


class FormatError(ValueError):
    """Bytes that are not what they should be; the message is the reason, without the file's name."""
