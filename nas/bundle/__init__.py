"""What a user takes home: a folder with the model files, its architecture, its receipt, its card and a runner."""
