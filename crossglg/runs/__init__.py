"""What a run leaves: pipeline, results, board, gallery."""
