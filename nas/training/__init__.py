"""Training: a recipe, strategies that say what a step trains, and one resumable loop over them."""
