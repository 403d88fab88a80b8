"""Training: a train config, strategies that define what a step trains, and one resumable loop over them."""
