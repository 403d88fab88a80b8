"""The bundle: a folder with the model files, the architecture, the receipt, the model card and a runner."""
