"""The studio: agents and their Note RNN as an instrument, on one page that works anywhere."""
