"""Finding architectures: an Optuna study over measured INT8 accuracy and predicted latency, hard constraints first."""
