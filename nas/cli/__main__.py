"""`python -m nas.cli`: the engine's commands without the service's."""

from nas.cli import app

if __name__ == "__main__":
    app(prog_name="hwnas")
