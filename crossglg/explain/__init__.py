"""Looking into a model: attention, attribution, faithfulness, edited texts, the explorer."""
