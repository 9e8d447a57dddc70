"""Pictures: arrays and a `Layout` in, figure or player out. Nothing here knows torch or the model.

`crossglg.viz.figures` draws with matplotlib, `crossglg.viz.player` makes the interactive player; import what you need.
"""
